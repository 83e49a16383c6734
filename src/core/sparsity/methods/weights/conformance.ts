/** A small model under a method, stepped by hand, which the tests of methods share. */
import { crossEntropy } from "../../../autograd/ops/cross-entropy.ts";
import { backward } from "../../../autograd/tape.ts";
import { jsKernels } from "../../../backend/js.ts";
import { mlp } from "../../../nn/models/mlp.ts";
import type { Sequential } from "../../../nn/sequential.ts";
import { adamW } from "../../../optim/adamw.ts";
import { clipByGlobalNorm } from "../../../optim/clip.ts";
import { Optimizer } from "../../../optim/optimizer.ts";
import { sgd } from "../../../optim/sgd.ts";
import { chain, type Transform } from "../../../optim/transform.ts";
import { Random } from "../../../random.ts";
import { type Pattern, parsePattern } from "../../../sparse/pattern.ts";
import { Device } from "../../../tensor/device.ts";
import { type Parameter, tensor } from "../../../tensor/tensor.ts";
import type { Session } from "../../session.ts";
import { sparsify } from "../../sparsify.ts";
import type { WeightMethodFactory } from "../define-method.ts";
import { weightMethods } from "./methods.ts";

export const STEPS = 12;

export const optimizers: Record<string, () => Transform> = {
  adamW: () => adamW({ learningRate: 0.01, weightDecay: 0.1 }),
  "sgd with momentum and decay": () => sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 }),
};

export interface Setup {
  readonly model: Sequential;
  /** The weight of fc1, [32, inputs], which is the sparse layer. */
  readonly weight: Parameter;
  readonly sparsity: Session;
  readonly optimizer: Optimizer;
  /** Trains one step and returns the loss. */
  step(): number;
  /** Runs the model without training it. */
  evaluate(): void;
}

export interface SetupOptions {
  readonly words?: Record<string, string>;
  readonly steps?: number;
  readonly inputs?: number;
  /** Share of the loss in all gradients; with 0 there is no data. */
  readonly share?: number;
}

export function setup(
  entry: WeightMethodFactory,
  transform: Transform,
  pattern = "2:4",
  numbers: Record<string, number> = {},
  { words = {}, steps = STEPS, inputs = 16, share = 1 }: SetupOptions = {},
): Setup {
  const device = new Device(jsKernels());
  const random = new Random(3);
  const model = mlp([inputs, 32, 4], { device, random });
  const sparsity = sparsify(model, { weights: entry({ ...numbers, ...words }), pattern, steps });
  const optimizer = new Optimizer(model, chain(clipByGlobalNorm(5), sparsity.around(transform)));
  const x = Array.from({ length: 8 * inputs }, () => random.normal());
  const labels = Int32Array.from({ length: 8 }, (_, i) => i % 4);
  const weight = model.namedParameters().get("fc1.weight")!;
  return {
    ...{ model, sparsity, optimizer, weight },
    step: () => {
      const loss = device.step(() => {
        const mean = crossEntropy(model.forward(tensor(device, [8, inputs], x)), labels);
        optimizer.zeroGrad();
        backward(mean);
        for (const { grad, size } of model.parameters()) if (share !== 1) device.kernels.scale(grad, size, share);
        optimizer.step();
        return mean.data[0];
      });
      sparsity.observe();
      return loss;
    },
    evaluate: () => {
      device.step(() => device.withoutGradients(() => model.forward(tensor(device, [8, inputs], x))));
    },
  };
}

/** The mask of the last step, and its pattern. */
export function maskOf({ sparsity }: Pick<Setup, "sparsity">): { mask: Uint32Array; pattern: Pattern } {
  const state = sparsity.checkpoint();
  const [n, m, v] = state.get("sparsity/fc1.weight.pattern")!.data;
  return { mask: state.get("sparsity/fc1.weight.mask")!.data.slice() as Uint32Array, pattern: { n, m, v } };
}

/** Whether entry i of fc1, which has so many inputs (at most 32), is kept. */
export function isKept(mask: Uint32Array, i: number, inputs = 16): boolean {
  return ((mask[Math.floor(i / inputs)] >>> (i % inputs)) & 1) === 1;
}

/** Copies all that a run needs to go on. The function that it returns writes it to another run of the same kind. */
export function saved({ model, sparsity, optimizer }: Setup): (other: Setup) => void {
  const parameters = new Map([...model.namedParameters()].map(([name, { data }]) => [name, data.slice()]));
  const memories = new Map([...optimizer.state()].map(([name, array]) => [name, array.slice()]));
  const state = new Map([...sparsity.checkpoint()].map(([name, { data }]) => [name, { data: data.slice() }]));
  const { steps } = optimizer;
  return (other) => {
    for (const [name, parameter] of other.model.namedParameters()) {
      parameter.data.set(parameters.get(name)!);
      parameter.touch();
    }
    for (const [name, array] of other.optimizer.state()) array.set(memories.get(name)!);
    other.sparsity.restore(state, steps);
    other.optimizer.steps = steps;
  };
}

export const named = (name: string): WeightMethodFactory => weightMethods.find((entry) => entry.name === name)!;

/** Why a method is not tried with a pattern or an optimizer. */
export function unfit(entry: WeightMethodFactory, pattern: string, optimizer: Transform): string | undefined {
  const method = entry();
  if (method.needsVariance === true && optimizer.variance === undefined) return "no variance";
  return method.misfit?.(parsePattern(pattern), 32);
}
