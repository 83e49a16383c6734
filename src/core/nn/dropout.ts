import { dropout } from "../autograd/ops/dropout.ts";
import { checkNumbers, requireOptions } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { INIT_KEYS, type InitOptions, randomOf } from "./init-options.ts";
import { Buffer, Module } from "./module.ts";

/**
 * Zeroes values with `probability` in training and does nothing in evaluation. It counts its draws, so that a run can
 * be replayed.
 */
export class Dropout extends Module {
  readonly probability: number;
  /** Seed, layer, and the number of the next draw. */
  readonly draw: Buffer;

  constructor(probability: number, options: InitOptions = {}) {
    super();
    requireOptions("Dropout", options, INIT_KEYS);
    checkNumbers("Dropout", { probability }, { min: 0, below: 1 });
    const random = randomOf(options);
    this.probability = probability;
    this.draw = new Buffer(Uint32Array.of(random.bits(), random.bits(), 0), { persistent: false });
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.probability === 0) return x;
    const [seed, layer] = Int32Array.from(this.draw.data);
    return dropout(x, this.probability, { seed, layer, step: this.draw.data[2]++ });
  }
}
