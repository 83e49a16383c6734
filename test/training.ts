/** A small model under one method, for the tests of methods. */
import { crossEntropy } from "../src/core/autograd/ops/cross-entropy.ts";
import { backward } from "../src/core/autograd/tape.ts";
import { jsKernels } from "../src/core/backend/js.ts";
import { mlp } from "../src/core/nn/models/mlp.ts";
import type { Module } from "../src/core/nn/module.ts";
import { loadState, stateOf } from "../src/core/nn/state.ts";
import { adamW } from "../src/core/optim/adamw.ts";
import { Optimizer } from "../src/core/optim/optimizer.ts";
import type { Transform } from "../src/core/optim/transform.ts";
import { Random } from "../src/core/random.ts";
import type { WeightMethodFactory } from "../src/core/sparsity/methods/define-method.ts";
import type { WeightMethod } from "../src/core/sparsity/methods/method.ts";
import type { Session } from "../src/core/sparsity/session.ts";
import { sparsify } from "../src/core/sparsity/sparsify.ts";
import { Device } from "../src/core/tensor/device.ts";
import { type Parameter, type Tensor, tensor } from "../src/core/tensor/tensor.ts";
import { denseWeightOf } from "./operands.ts";

interface Setting {
  readonly steps: number;
  readonly pattern?: string;
  readonly numbers?: Record<string, number>;
  readonly words?: Record<string, string>;
  readonly widths?: readonly number[];
  readonly optimizer?: Transform;
}

export class Training {
  readonly model: Module;
  readonly sparsity: Session;
  readonly weight: Parameter;
  readonly #optimizer: Optimizer;
  /** Inputs of every step, [8, inputs]; the label of row i is i mod 4. */
  readonly x: readonly number[];
  readonly #inputs: number;
  #first: Float32Array | null = null;
  #used = new Float32Array(0);

  constructor(
    factory: WeightMethodFactory | (() => WeightMethod),
    {
      steps,
      pattern = "2:4",
      numbers,
      words,
      widths = [16, 32, 4],
      optimizer = adamW({ learningRate: 0.01 }),
    }: Setting,
  ) {
    const random = new Random(3);
    const device = new Device(jsKernels());
    this.model = mlp([...widths], { device, random });
    this.sparsity = sparsify(this.model, { weights: factory({ ...numbers, ...words }), pattern, steps });
    this.weight = this.model.namedParameters().get("fc1.weight")!;
    this.#optimizer = new Optimizer(this.model, this.sparsity.around(optimizer));
    this.#inputs = widths[0];
    this.x = Array.from({ length: 8 * widths[0] }, () => random.normal());
  }

  #forward(): Tensor {
    return this.model.forward(tensor(this.weight.device, [8, this.#inputs], this.x));
  }

  /** The loss. */
  step(): number {
    const loss = this.weight.device.step(() => {
      const mean = crossEntropy(
        this.#forward(),
        Int32Array.from({ length: 8 }, (_, i) => i % 4),
      );
      this.#optimizer.zeroGrad();
      backward(mean);
      this.#used = Float32Array.from(this.weight.plan === null ? this.weight.data : denseWeightOf(this.weight));
      this.#first ??= this.#used;
      this.#optimizer.step();
      return mean.data[0];
    });
    this.sparsity.observe();
    return loss;
  }

  /** What fc1 multiplied by in the last step. */
  usedLast(): Float32Array {
    return this.#used;
  }

  /** The same in the first step. */
  usedFirst(): Float32Array {
    return this.#first ?? this.#used;
  }

  takeWeights(other: Training): void {
    loadState(this.model, stateOf(other.model), "test");
  }

  evaluate(): void {
    const { device } = this.weight;
    device.step(() => device.withoutGradients(() => this.#forward()));
  }

  /** Takes the state of another after so many of its steps. */
  goOnFrom(other: Training, step: number): void {
    loadState(this.model, stateOf(other.model), "test");
    const saved = other.#optimizer.state();
    for (const [name, array] of this.#optimizer.state()) array.set(saved.get(name)!);
    this.sparsity.restore(other.sparsity.checkpoint(), step);
    this.#optimizer.steps = step;
  }
}
