/**
 * The exponential moving average of a model's weights, which often scores better than the last weights do (Polyak and
 * Juditsky 1992 for the plain mean). Buffers, as running statistics, are not averaged: those of the model count.
 */
import type { F32 } from "../backend/memory.ts";
import type { Module } from "../nn/module.ts";
import { checkNumbers, requireOptions } from "../options.ts";
import type { Parameter } from "../tensor/tensor.ts";

export interface MovingAverageOptions {
  /** The share of the average that stays at an update. Default 0.999: it looks back about 1,000 updates. */
  readonly decay?: number | undefined;
}

export class MovingAverage {
  /** Number of updates so far. */
  updates = 0;
  readonly #decay: number;
  readonly #averages: ReadonlyMap<Parameter, F32>;
  readonly #names: ReadonlyMap<string, Parameter>;

  /** Begins with the weights as they are. */
  constructor(model: Module, options: MovingAverageOptions = {}) {
    requireOptions("MovingAverage", options, { decay: true });
    const { decay = 0.999 } = options;
    checkNumbers("MovingAverage", { decay }, { min: 0, below: 1 });
    this.#decay = decay;
    this.#names = model.namedParameters();
    this.#averages = new Map(
      [...this.#names.values()].map((parameter) => {
        const average = parameter.device.kernels.float32(parameter.size);
        average.set(parameter.data);
        return [parameter, average];
      }),
    );
  }

  /**
   * Takes the weights of now into the average; call it after the optimizer's step. Early on the average looks back
   * less far, as many updates as there were, so that the first weights are soon forgotten.
   */
  update(): void {
    this.updates++;
    const decay = Math.min(this.#decay, this.updates / (this.updates + 9));
    for (const [{ device, data, size }, average] of this.#averages)
      device.kernels.mix(average, average, data, size, decay, 1 - decay);
  }

  /** Runs `body` with the averages as the model's weights, and puts the trained ones back, whatever it throws. */
  with<T>(body: () => T): T {
    const trained = new Map([...this.#averages.keys()].map((parameter) => [parameter, parameter.data.slice()]));
    this.#put(this.#averages);
    try {
      return body();
    } finally {
      this.#put(trained);
    }
  }

  #put(values: ReadonlyMap<Parameter, F32>): void {
    for (const [parameter, data] of values) {
      parameter.data.set(data);
      parameter.touch();
    }
  }

  /** The averages by the parameters' names, not copied: to be saved, or overwritten when a run is resumed. */
  state(): Map<string, F32> {
    return new Map([...this.#names].map(([name, parameter]) => [name, this.#averages.get(parameter)!]));
  }
}
