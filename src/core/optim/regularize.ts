import { type F32, maskWords } from "../backend/kernels.ts";
import { expected } from "../errors.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { Memory, Transform } from "./transform.ts";

/** What is added to the loss for one parameter; see methods/structured. */
interface Penalty {
  addGradient(gradient: F32, w: F32): void;
  proximal(w: F32, rate: number): void;
  readonly memory?: Memory;
  /** In place of that of the weight itself. */
  threshold?(w: F32, least: number): void;
}

export interface RegulariseOptions {
  /** proximal: a step of its own behind the optimiser's, with exact zeros. Default "subgradient". */
  readonly form?: "subgradient" | "proximal" | undefined;
  /**
   * subgradient: smaller weights become zero after each step. A subgradient alone never gets there. Default 1e-4, as the
   * program of Wen et al. 2016.
   */
  readonly threshold?: number | undefined;
  /**
   * proximal: the momentum of the optimiser, default 0. A gradient that stays moves a weight by rate / (1 - momentum) a
   * step; with less than that the penalty would be as much weaker.
   */
  readonly momentum?: number | undefined;
}

/** An optimiser with penalties of some parameters. */
export function regularise(
  optimiser: Transform,
  penalties: ReadonlyMap<Parameter, Penalty>,
  { form = "subgradient", threshold = 1e-4, momentum = 0 }: RegulariseOptions = {},
): Transform {
  const { rate } = optimiser;
  if (form === "proximal" && rate === undefined)
    throw expected("regularise", "an optimiser with a learning rate", optimiser.name, "Wrap sgd or adamW themselves");
  return {
    ...optimiser,
    name: `regularise(${optimiser.name})`,
    init: (parameter) => ({ ...optimiser.init(parameter), ...penalties.get(parameter)?.memory }),
    update: (slots, step) => {
      const penalised = slots.flatMap(({ parameter }) => {
        const penalty = penalties.get(parameter);
        return penalty === undefined ? [] : [{ parameter, penalty }];
      });
      if (form === "subgradient")
        for (const { parameter, penalty } of penalised) penalty.addGradient(parameter.grad, parameter.data);
      optimiser.update(slots, step);
      for (const { parameter, penalty } of penalised) {
        if (form === "proximal") penalty.proximal(parameter.data, rate!(step) / (1 - momentum));
        else if (penalty.threshold !== undefined) penalty.threshold(parameter.data, threshold);
        else parameter.device.kernels.shrink(parameter.data, parameter.size, threshold, 1);
      }
    },
  };
}

/** An optimiser that leaves at zero what is zero when it takes its first step, whatever its momentum says. */
export function freezeZeros(optimiser: Transform, parameters: readonly Parameter[]): Transform {
  const frozen = new Map<Parameter, Uint32Array>();
  return {
    ...optimiser,
    name: `freezeZeros(${optimiser.name})`,
    update: (slots, step) => {
      for (const parameter of parameters) {
        if (!frozen.has(parameter)) frozen.set(parameter, nonZeros(parameter));
      }
      optimiser.update(slots, step);
      for (const [{ data, device }, mask] of frozen) device.kernels.applyMask(data, mask, 1, data.length);
    },
  };
}

/** One bit an entry. */
function nonZeros({ data, device }: Parameter): Uint32Array {
  const mask = device.kernels.uint32(maskWords(data.length));
  data.forEach((x, i) => {
    if (x !== 0) mask[i >> 5] |= 1 << (i & 31);
  });
  return mask;
}
