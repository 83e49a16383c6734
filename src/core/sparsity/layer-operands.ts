/** The operands of one layer's products, made when products ask for them. */

import { type Geometry, hasRows } from "../backend/geometry.ts";
import type { F32 } from "../backend/memory.ts";
import type { Draw } from "../random.ts";
import { DenseMatrix } from "../sparse/formats/dense-matrix.ts";
import {
  EmulatedActivations,
  EmulatedFixedMask,
  EmulatedGradient,
  EmulatedSample,
  EmulatedWeight,
} from "../sparse/formats/emulated.ts";
import { FixedMask } from "../sparse/formats/fixed-mask.ts";
import { PackedActivations } from "../sparse/formats/packed-activations.ts";
import { PackedGradient } from "../sparse/formats/packed-gradient.ts";
import { PackedMatrix, type WeightPack } from "../sparse/formats/packed-matrix.ts";
import { PackedTranspose } from "../sparse/formats/packed-transpose.ts";
import type { ForwardOperand, InputGradOperand, WeightGradOperand } from "../sparse/operand.ts";
import { keptOf, misfit, type Pattern } from "../sparse/pattern.ts";
import type { Device } from "../tensor/device.ts";
import type { OperandPlan, Parameter, Tensor } from "../tensor/tensor.ts";
import type { RunClock } from "./clock.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { Operands, PlannedLayer } from "./plan.ts";

/** The numbers that identify the draws of a layer. */
export interface Chance {
  readonly seed: number;
  readonly layer: number;
}

/** A weight that is sparse, or will be; a PackedParameter or a BranchWeight. */
export interface SparseWeight {
  readonly packed: WeightPack;
  readonly pruned: boolean;
  /** Number of rows of the product's other operand in a step; the forward product sets it. */
  positions: number;
  /** The weight, in which at least the kept entries are those that the products use. */
  readonly keptValues: F32;
  /** The pack of the present weight, made anew if the weight has changed; null while the weight is dense. */
  current(): WeightPack | null;
  /** The weight by which dense products multiply. */
  denseWeight(): F32;
  /** A copy of the values by which the products multiply. */
  effective(): Float32Array;
  /** Sets the gradient to 0 where the weight does not count in any product. */
  confine?(gradient: F32): void;
}

export class LayerOperands implements OperandPlan {
  readonly #weight: Parameter;
  readonly #source: MultiplyingWeight;
  readonly #computed: PlannedLayer["computed"];
  readonly #operands: Operands;
  readonly #sparse: SparseWeight | null;
  readonly #clock: RunClock;
  readonly #chance: Chance;
  #transpose: PackedTranspose | null = null;
  /** The version of the weight from which the transpose was made. */
  #version = -1;
  readonly #inputs = new InputPacks();
  #rows: PackedMatrix | null = null;
  #columns: PackedTranspose | null = null;
  /** Where inputGrad is emulated: the weight with the zeros of its packed transpose. */
  #unpacked: F32 | null = null;
  /** The same with rows up to whole groups, where M does not divide the outputs. */
  #wide: { readonly weight: F32; readonly mask: Uint32Array; readonly unpacked: F32 } | null = null;

  /** `sparse` is the sparse side of the weight; null if the weight stays dense. */
  constructor(
    source: MultiplyingWeight,
    computed: PlannedLayer["computed"],
    operands: Operands,
    sparse: SparseWeight | null,
    clock: RunClock,
    chance: Chance,
  ) {
    this.#source = source;
    this.#weight = source.weight;
    this.#computed = computed;
    this.#operands = operands;
    this.#sparse = sparse;
    this.#clock = clock;
    this.#chance = chance;
  }

  forward(x: Tensor, geometry: Geometry): ForwardOperand | null {
    if (this.#sparse === null) return this.#activations(x) ?? this.#dense();
    if (this.#weight.device.recording) this.#sparse.positions = geometry[0] * geometry[8] * geometry[9];
    const packed = this.#sparse.current();
    // made now, while the weight is in cache, and not when backward asks for it
    if (this.#weight.device.recording) this.#transposed();
    if (packed === null) return this.#dense();
    return this.#computed.forward === "sparse" ? packed : this.#emulated();
  }

  /** What a dense weight multiplies as; null where it is the weight itself. */
  #dense(): DenseMatrix | null {
    const weight = this.denseWeight();
    return weight === this.#weight.data ? null : new DenseMatrix(this.#weight.device.kernels, weight);
  }

  /** The weight with its zeros: also where it holds them itself, for the order of additions is another than a dense one's. */
  #emulated(): EmulatedWeight {
    return new EmulatedWeight(this.#weight.device.kernels, this.denseWeight());
  }

  /** Where forward is sparse and the weight is not. */
  #activations(x: Tensor): ForwardOperand | null {
    const { activations } = this.#operands;
    const { device } = x;
    if (this.#computed.forward === "dense" || activations === null) return null;
    if (this.#clock.phase(device.recording) === "dense") return null;
    const { method, pattern } = activations;
    const packed = this.#inputs.take(device, x.size / this.#source.k, this.#source.k, pattern);
    device.timed("pack", () => method.pack(packed, x.data));
    return this.#computed.forward === "sparse"
      ? new PackedActivations(device.kernels, packed, this.denseWeight())
      : new EmulatedActivations(device.kernels, packed, this.denseWeight());
  }

  /** The weight by which dense products multiply: the weight itself, or a copy with zeros where it is pruned. */
  denseWeight(): F32 {
    // a copy, because the masked copy of a pack, once made, is written at every step
    if (this.#clock.probe?.dense && this.#sparse !== null) {
      const weight = this.#weight.device.kernels.float32(this.#weight.size);
      weight.set(this.#sparse.effective());
      return weight;
    }
    return this.#sparse?.denseWeight() ?? this.#weight.data;
  }

  inputGrad(dy: F32): InputGradOperand | null {
    const { inputGrad } = this.#operands;
    if (inputGrad === null || this.#isDense()) return this.#dense();
    const { method, pattern } = inputGrad;
    if (method.operand === "weight") return this.#transposed() ?? this.#dense();
    const computed = this.#computed.inputGrad;
    if (computed === "dense") return this.#dense();
    const { rows: outputs } = this.#source;
    const { device } = this.#weight;
    const positions = dy.length / outputs;
    if (this.#rows?.rows !== positions) {
      this.#rows = new PackedMatrix(device.kernels, positions, outputs, pattern);
      // from now on it is written with the pack
      if (computed === "emulated") this.#rows.masked;
    }
    const rows = this.#rows;
    device.timed("pack", () => method.pack(rows, dy, this.#draw()));
    return computed === "sparse"
      ? new PackedGradient(device.kernels, rows, this.denseWeight())
      : new EmulatedGradient(device.kernels, rows.masked, this.denseWeight());
  }

  weightGrad(dy: F32, x: F32, geometry: Geometry): WeightGradOperand | null {
    const operand = this.#sampled(dy, x, geometry);
    const sparse = this.#sparse;
    if (sparse?.confine === undefined) return operand;
    const dense = (): DenseMatrix => new DenseMatrix(this.#weight.device.kernels, this.#weight.data);
    return new ConfinedGradient(operand ?? dense(), (dw) => sparse.confine?.(dw));
  }

  /** The operand that replaces the gradient or the input in the weight gradient; null if there is none. */
  #sampled(dy: F32, x: F32, geometry: Geometry): WeightGradOperand | null {
    const { weightGrad } = this.#operands;
    this.#clock.probe?.noteInput(this.#source.name, x, geometry, this.#draw());
    const computed = this.#computed.weightGrad;
    if (computed === "dense" || weightGrad === null || this.#isDense()) return null;
    const { rows } = this.#source;
    const positions = dy.length / rows;
    const { method, pattern } = weightGrad;
    // the batch has another size than the plan was made for
    if (misfit(pattern, positions) !== undefined) return null;
    const { device } = this.#weight;
    if (method.operand === "activations") {
      if (method.ofImages === true && !hasRows(geometry)) return null;
      const choice = method.keep(x, geometry, this.#draw());
      return computed === "sparse"
        ? new FixedMask(device.kernels, choice)
        : new EmulatedFixedMask(device.kernels, choice);
    }
    if (this.#columns?.k !== positions) {
      this.#columns = new PackedTranspose(device.kernels, rows, positions, pattern);
    }
    const columns = this.#columns;
    device.timed("pack", () => method.pack(columns, dy, this.#draw()));
    this.#clock.probe?.noteSample(this.#source.name, columns, dy);
    if (computed === "sparse") return columns;
    const sampled = device.buffer(dy.length);
    device.timed("pack", () => columns.unpackInto(sampled, 1));
    return new EmulatedSample(device.kernels, sampled, pattern);
  }

  /** The transpose of the weight as it is now, pruned, where inputGrad multiplies by it: packed, or with zeros. */
  #transposed(): InputGradOperand | null {
    const { inputGrad } = this.#operands;
    const sparse = this.#sparse;
    const computed = this.#computed.inputGrad;
    if (computed === "dense" || sparse === null) return null;
    if (inputGrad === null || inputGrad.method.operand !== "weight") return null;
    if (!sparse.pruned) {
      this.#transpose = null;
      this.#version = -1;
      return null;
    }
    const { method, pattern } = inputGrad;
    const { device, version } = this.#weight;
    const taps = this.#source.k / this.#source.axisLength;
    if ("prune" in method) {
      this.#unpacked ??= device.kernels.float32(this.#weight.size);
      const copy = this.#unpacked;
      if (this.#version !== version) {
        const shape = { outputs: this.#source.rows, taps, channels: this.#source.axisLength };
        device.timed("pack", () => method.prune(copy, sparse.keptValues, sparse.packed.mask, shape, pattern));
      }
      this.#version = version;
      return new EmulatedWeight(device.kernels, copy);
    }
    this.#transpose ??= this.#newTranspose(pattern);
    if (this.#version !== version) {
      this.#version = version;
      const transpose = this.#transpose;
      // the passes of a probe must choose as the step itself does
      const draw = { ...this.#chance, step: this.#clock.step };
      const [weight, mask] = this.#wholeOutputs(sparse.keptValues, sparse.packed.mask, pattern);
      device.timed("pack", () => method.pack(transpose, weight, mask, taps, draw));
      if (computed === "emulated") {
        this.#unpacked ??= device.kernels.float32(this.#weight.size);
        const unpacked = this.#unpacked;
        const wide = this.#wide?.unpacked ?? unpacked;
        device.timed("pack", () => transpose.unpackInto(wide, taps));
        if (wide !== unpacked) unpacked.set(wide.subarray(0, unpacked.length));
      }
    }
    return this.#unpacked === null ? this.#transpose : new EmulatedWeight(device.kernels, this.#unpacked);
  }

  #newTranspose(pattern: Pattern): PackedTranspose {
    const { k, axisLength } = this.#source;
    const taps = k / axisLength;
    return new PackedTranspose(this.#weight.device.kernels, axisLength, taps * this.#outputsFor(pattern), pattern);
  }

  /** Outputs, filled up to whole groups. */
  #outputsFor({ m }: Pattern): number {
    return Math.ceil(this.#source.rows / m) * m;
  }

  /**
   * The weight and its mask with as many rows as whole groups have. Of the N places of a shorter group so many are for rows
   * that are not there that ceil(r N / M) are left; NaN is kept before all numbers.
   */
  #wholeOutputs(weight: F32, mask: Uint32Array, pattern: Pattern): readonly [F32, Uint32Array] {
    const { rows, k } = this.#source;
    const { kernels } = this.#weight.device;
    const outputs = this.#outputsFor(pattern);
    if (outputs === rows) return [weight, mask];
    if (this.#wide === null) {
      const places = pattern.n - keptOf(pattern, rows % pattern.m);
      const words = mask.length / rows;
      this.#wide = {
        weight: kernels.float32(outputs * k),
        mask: kernels.uint32(outputs * words),
        unpacked: kernels.float32(outputs * k),
      };
      this.#wide.weight.fill(Number.NaN, rows * k, (rows + places) * k);
      this.#wide.mask.fill(0xffffffff, rows * words);
    }
    this.#wide.weight.set(weight);
    this.#wide.mask.set(mask);
    return [this.#wide.weight, this.#wide.mask];
  }

  /** The arrays that must be saved with the run, by name; `restore` brings them back. */
  state(): Map<string, Uint32Array> {
    const { choice, order } = this.#transpose ?? { choice: null, order: null };
    const state = new Map<string, Uint32Array>();
    if (choice !== null) state.set("choice", choice.slice());
    if (order !== null) state.set("order", Uint32Array.from(order));
    return state;
  }

  restore(saved: { choice: ArrayLike<number> | null; order: ArrayLike<number> | null }): void {
    const { inputGrad } = this.#operands;
    if (inputGrad === null || (saved.choice === null && saved.order === null)) return;
    this.#transpose = this.#newTranspose(inputGrad.pattern);
    this.#transpose.choice = saved.choice;
    this.#transpose.order = saved.order;
  }

  #isDense(): boolean {
    return this.#clock.probe?.dense === true || this.#clock.phase(true) === "dense";
  }

  #draw(): Draw {
    const { seed, layer } = this.#chance;
    const { probe, step } = this.#clock;
    return { seed: probe === null ? seed : probe.reseeded(seed), layer, step };
  }
}

/** A weight gradient in which some entries do not count and are set to 0. */
export class ConfinedGradient implements WeightGradOperand {
  readonly operand: WeightGradOperand;
  readonly #confine: (dw: F32) => void;

  constructor(operand: WeightGradOperand, confine: (dw: F32) => void) {
    this.operand = operand;
    this.#confine = confine;
  }

  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    this.operand.weightGrad(dw, dy, x, geometry);
    this.#confine(dw);
  }
}

/** The packs of a layer's inputs. Each is kept until backward, so that a layer may be used twice in a step. */
class InputPacks {
  #packs: PackedMatrix[] = [];
  #taken = 0;
  #scope = 0;

  take(device: Device, rows: number, k: number, pattern: Pattern): PackedMatrix {
    if (device.scope !== this.#scope) this.#taken = 0;
    this.#scope = device.scope;
    // outside of a step nothing says when a pack is free
    const at = device.scope === 0 ? -1 : this.#taken++;
    const known = this.#packs[at];
    if (known?.rows === rows) return known;
    const packed = new PackedMatrix(device.kernels, rows, k, pattern);
    // from now on the masked copy is written with the pack
    packed.masked;
    if (at >= 0) this.#packs[at] = packed;
    return packed;
  }
}
