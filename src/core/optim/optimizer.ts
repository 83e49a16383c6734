import { expected } from "../errors.ts";
import { type Module, requireModule } from "../nn/module.ts";
import { shown } from "../options.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { OptimizerState, Transform } from "./transform.ts";

/** Trains a model's parameters: call zeroGrad, then backward, then step. */
export class Optimizer {
  /** Number of steps taken. */
  steps = 0;
  readonly #transform: Transform;
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #states: ReadonlyMap<string, OptimizerState>;

  constructor(model: Module, transform: Transform) {
    requireModule("Optimizer", model);
    if (typeof transform?.update !== "function" || !transform.applies) {
      throw expected(
        "Optimizer",
        "a transform that applies the step",
        transform?.name ?? shown(transform),
        "Chain it before sgd or adamW",
      );
    }
    this.#transform = transform;
    this.#parameters = model.namedParameters();
    if (this.#parameters.size === 0) {
      const todo = "Layers are found as properties of a module, and in arrays that are properties";
      throw expected("Optimizer", "a model with parameters", `${model.constructor.name} without any`, todo);
    }
    this.#states = new Map([...this.#parameters].map(([name, parameter]) => [name, transform.init(parameter)]));
  }

  zeroGrad(): void {
    for (const parameter of this.#parameters.values()) parameter.zeroGrad();
  }

  /** Updates the parameters that have a gradient. */
  step(): void {
    const slots = [...this.#parameters]
      .filter(([, parameter]) => parameter.hasGrad)
      .map(([name, parameter]) => ({ parameter, state: this.#states.get(name)! }));
    this.#transform.update(slots, this.steps++);
    for (const { parameter } of slots) parameter.touch();
  }

  /** The arrays of the transforms, as "<parameter>.<state>", to be saved, or overwritten when a run is resumed. */
  state(): Map<string, Float32Array> {
    const all = new Map<string, Float32Array>();
    for (const [name, state] of this.#states) {
      for (const [key, array] of Object.entries(state)) all.set(`${name}.${key}`, array);
    }
    return all;
  }
}
