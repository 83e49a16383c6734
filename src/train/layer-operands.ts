/** The operands of one layer's products, made when they are asked for. */
import type { F32 } from "../kernels/kernels.ts";
import type { Clock } from "../methods/method.ts";
import { PackedTranspose } from "../sparse/packed-transpose.ts";
import { misfit } from "../sparse/pattern.ts";
import type { OperandPlan, Parameter } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { Operands, PlannedLayer } from "./plan.ts";
import type { Site } from "./site.ts";

/** What names the draws of a layer. */
export interface Chance {
  readonly seed: number;
  readonly layer: number;
}

export class LayerOperands implements OperandPlan {
  readonly #weight: Parameter;
  readonly #source: MultiplyingWeight;
  readonly #routes: PlannedLayer["routes"];
  readonly #operands: Operands;
  readonly #site: Site | null;
  readonly #clock: Clock;
  readonly #chance: Chance;
  #transpose: PackedTranspose | null = null;
  /** The version of the weight that the transpose is of. */
  #version = -1;
  #sample: PackedTranspose | null = null;

  /** site: of the weight, where it is sparse. */
  constructor(
    source: MultiplyingWeight,
    routes: PlannedLayer["routes"],
    operands: Operands,
    site: Site | null,
    clock: Clock,
    chance: Chance,
  ) {
    this.#source = source;
    this.#weight = source.weight;
    this.#routes = routes;
    this.#operands = operands;
    this.#site = site;
    this.#clock = clock;
    this.#chance = chance;
  }

  forward(): ReturnType<OperandPlan["forward"]> {
    const packed = this.#site?.current() ?? null;
    // now, while the weight is in cache, and not when backward asks for it
    if (this.#weight.device.recording) this.inputGrad();
    return this.#routes.forward === "sparse" ? packed : null;
  }

  denseWeight(): F32 {
    return this.#site?.denseWeight() ?? this.#weight.data;
  }

  inputGrad(): PackedTranspose | null {
    const { inputGrad } = this.#operands;
    const site = this.#site;
    if (this.#routes.inputGrad !== "sparse" || inputGrad === null || site === null || !site.pruned) return null;
    const { rows, k, axisLength } = this.#source;
    const { device, version } = this.#weight;
    const taps = k / axisLength;
    this.#transpose ??= new PackedTranspose(device.kernels, axisLength, taps * rows, inputGrad.pattern);
    if (this.#version !== version) {
      this.#version = version;
      const transpose = this.#transpose;
      device.timed("pack", () => inputGrad.method.pack(transpose, this.#weight.data, site.packed.mask, taps));
    }
    return this.#transpose;
  }

  weightGrad(dy: F32): PackedTranspose | null {
    const { weightGrad } = this.#operands;
    if (this.#routes.weightGrad !== "sparse" || weightGrad === null) return null;
    const { rows } = this.#source;
    const positions = dy.length / rows;
    // a batch of another size than the plan was made for
    if (misfit(weightGrad.pattern, positions) !== undefined) return null;
    const { device } = this.#weight;
    if (this.#sample?.k !== positions) {
      this.#sample = new PackedTranspose(device.kernels, rows, positions, weightGrad.pattern);
    }
    const sample = this.#sample;
    const draw = { ...this.#chance, step: this.#clock.step };
    device.timed("pack", () => weightGrad.method.pack(sample, dy, draw));
    return sample;
  }
}
