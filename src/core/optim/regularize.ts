import { maskWords } from "../backend/families/masks.ts";
import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";
import { checkNumbers, checkWords, requireOptions } from "../options.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { OptimizerState, Transform } from "./transform.ts";

/** A term that is added to the loss for one parameter; see methods/structured. */
interface Penalty {
  addGradient(gradient: F32, w: F32): void;
  proximal(w: F32, rate: number): void;
  readonly state?: OptimizerState;
  /** Sets small entries to zero, in place of the usual threshold on the entries of the weight itself. */
  threshold?(w: F32, least: number): void;
}

export interface RegularizeOptions {
  /**
   * How penalties act: "subgradient" adds their subgradient to the gradient; "proximal" takes a step of their own
   * behind the optimizer's, which gives exact zeros. Default "subgradient".
   */
  readonly form?: "subgradient" | "proximal" | undefined;
  /**
   * With "subgradient": weights below this magnitude become zero after each step, which a subgradient alone never
   * reaches. Default 1e-4, as the program of Wen et al. 2016.
   */
  readonly threshold?: number | undefined;
  /**
   * With "proximal": the momentum of the optimizer, default 0. A constant gradient moves a weight by rate / (1 -
   * momentum) a step; without this factor the penalty would be that much weaker.
   */
  readonly momentum?: number | undefined;
}

/** Wraps an optimizer with penalties on some parameters. */
export function regularize(
  optimizer: Transform,
  penalties: ReadonlyMap<Parameter, Penalty>,
  options: RegularizeOptions = {},
): Transform {
  requireOptions("regularize", options, { form: true, threshold: true, momentum: true });
  const { form = "subgradient", threshold = 1e-4, momentum = 0 } = options;
  checkWords("regularize", { form }, ["subgradient", "proximal"]);
  checkNumbers("regularize", { threshold }, { min: 0 });
  checkNumbers("regularize", { momentum }, { min: 0, below: 1 });
  const { learningRate } = optimizer;
  if (form === "proximal" && learningRate === undefined)
    throw expected("regularize", "an optimizer with a learning rate", optimizer.name, "Wrap sgd or adamW themselves");
  return {
    ...optimizer,
    name: `regularize(${optimizer.name})`,
    init: (parameter) => ({ ...optimizer.init(parameter), ...penalties.get(parameter)?.state }),
    update: (slots, step) => {
      const penalized = slots.flatMap(({ parameter }) => {
        const penalty = penalties.get(parameter);
        return penalty === undefined ? [] : [{ parameter, penalty }];
      });
      if (form === "subgradient")
        for (const { parameter, penalty } of penalized) penalty.addGradient(parameter.grad, parameter.data);
      optimizer.update(slots, step);
      for (const { parameter, penalty } of penalized) {
        if (form === "proximal") penalty.proximal(parameter.data, learningRate!(step) / (1 - momentum));
        else if (penalty.threshold !== undefined) penalty.threshold(parameter.data, threshold);
        else parameter.device.kernels.shrink(parameter.data, parameter.size, threshold, 1);
      }
    },
  };
}

/** Wraps an optimizer so that entries that are zero at its first step stay zero, whatever its momentum says. */
export function freezeZeros(optimizer: Transform, parameters: readonly Parameter[]): Transform {
  const frozen = new Map<Parameter, Uint32Array>();
  return {
    ...optimizer,
    name: `freezeZeros(${optimizer.name})`,
    update: (slots, step) => {
      for (const parameter of parameters) {
        if (!frozen.has(parameter)) frozen.set(parameter, nonZeros(parameter));
      }
      optimizer.update(slots, step);
      for (const [{ data, device }, mask] of frozen) device.kernels.applyMask(data, mask, 1, data.length);
    },
  };
}

/** A mask of the entries that are not zero, one bit an entry. */
function nonZeros({ data, device }: Parameter): Uint32Array {
  const mask = device.kernels.uint32(maskWords(data.length));
  data.forEach((x, i) => {
    if (x !== 0) mask[i >> 5] |= 1 << (i & 31);
  });
  return mask;
}
