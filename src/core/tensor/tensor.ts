/** Tensors are a shape and float32 values on a device; parameters are tensors that are trained. */

import type { Geometry } from "../backend/geometry.ts";
import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";
import { shown } from "../options.ts";
import type { ForwardOperand, InputGradOperand, WeightGradOperand } from "../sparse/operand.ts";
import type { Device } from "./device.ts";
import { firstDevice } from "./first-device.ts";

export type Shape = readonly number[];

/** Number of values of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}

export class Tensor {
  readonly device: Device;
  readonly shape: Shape;
  readonly #data: F32;
  readonly #scope: number;
  /** The operation that made this tensor, for `backward`; null for inputs. Autograd sets it. */
  creator: Creator | null = null;

  /** Uses `data` without copying it; it must be memory of the device. */
  constructor(device: Device, shape: Shape, data: F32, scope: number = device.scope) {
    if (data.length !== sizeOf(shape)) {
      throw expected("tensor", `${sizeOf(shape)} values for shape [${shape}]`, `${data.length}`, "Check the shape");
    }
    this.device = device;
    this.shape = shape;
    this.#data = data;
    this.#scope = scope;
  }

  /** Row-major values; the memory itself. Throws if the step that made this tensor has ended. */
  get data(): F32 {
    if (this.#scope !== 0 && this.#scope !== this.device.scope) {
      throw expected(
        `tensor [${this.shape}]`,
        "to be read within the step that made it",
        "a step that has ended",
        "Read its values, or queue item() or read(), before device.step returns",
      );
    }
    return this.#data;
  }

  get size(): number {
    return this.#data.length;
  }

  get needsGrad(): boolean {
    return this.creator !== null;
  }

  /** A copy of the values. Call it within the step that made this tensor; its promise may be awaited afterwards. */
  read(): Promise<Float32Array> {
    return this.device.queueRead(() => Float32Array.from(this.data));
  }

  /** The value of a tensor with a single one; otherwise like `read`. */
  item(): Promise<number> {
    return this.device.queueRead(() => {
      if (this.size !== 1) throw expected("item", "a tensor of one value", `shape [${this.shape}]`, "Use read()");
      return this.data[0];
    });
  }
}

/** How a tensor was made: the operation's name, its inputs, and its rule for `backward`. */
export interface Creator {
  readonly op: string;
  /** Position in the order of creation. */
  readonly sequence: number;
  readonly inputs: readonly Tensor[];
  /** Writes the gradients of the inputs, given the gradient of the output, which may be overwritten. */
  backward(grad: F32, inputs: InputGrads): void;
}

/** Where a rule puts the gradients of its inputs. */
export interface InputGrads {
  /** Memory for the gradient of input i, which must be overwritten whole; null if that gradient is not needed. */
  into(i: number): F32 | null;
  /** Says that the gradient of input i equals the output's as it stands now. */
  pass(i: number): void;
}

/**
 * The operands of a weight's three products while it is trained sparse; a sparsifier attaches it. Null means that the
 * product is dense, with the weight as it is.
 */
export interface OperandPlan {
  /**
   * The operand of y = im2col(x) w^T. It is called first, once for each product; the other two then belong to the
   * values of that time.
   */
  forward(x: Tensor, geometry: Geometry): ForwardOperand | null;
  /** The operand of dx = dy w, with dy [T, O]. */
  inputGrad(dy: F32): InputGradOperand | null;
  /** The operand of dw = dy^T x, with the x that the operand of forward holds. */
  weightGrad(dy: F32, x: F32, geometry: Geometry): WeightGradOperand | null;
}

/** A trained tensor. Its gradient accumulates over calls of `backward` until `zeroGrad`. */
export class Parameter extends Tensor {
  /** A number that changes whenever the values do; call `touch` after writing to data. */
  version = 0;
  plan: OperandPlan | null = null;
  /**
   * Looks at the operands dy [T, O] and x of the gradient dw = dy^T x, in backward, before each product; a sparsifier
   * attaches it.
   */
  watch: ((dy: F32, x: F32, geometry: Geometry) => void) | null = null;
  readonly grad: F32;
  /** Its first path in the model that was last asked for its parameters, for errors; null before. */
  path: string | null = null;
  /** False if grad holds nothing yet. */
  hasGrad = false;

  constructor(device: Device, shape: Shape, data: F32 = device.kernels.float32(sizeOf(shape))) {
    super(device, shape, data, 0);
    this.grad = device.kernels.float32(data.length);
  }

  override get needsGrad(): boolean {
    return true;
  }

  zeroGrad(): void {
    this.hasGrad = false;
  }

  touch(): void {
    this.version++;
  }
}

/** Of a shape; more look like values that were given in its place. */
const MOST_AXES = 16;

/** Throws unless this is a tensor: what operations are given in its place says something of its own only much later. */
export function requireTensor(where: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return;
  throw expected(where, "a tensor", shown(value), "Make one by tensor(shape, values)");
}

/** Copies values into a new tensor of the device, by default the first that was opened in this thread. */
export function tensor(device: Device, shape: Shape, values: ArrayLike<number>): Tensor;
export function tensor(shape: Shape, values: ArrayLike<number>): Tensor;
export function tensor(
  ...given: [device: Device, shape: Shape, values: ArrayLike<number>] | [shape: Shape, values: ArrayLike<number>]
): Tensor {
  const [device, shape, values] = given.length === 3 ? given : [firstDevice("tensor"), ...given];
  if (
    !Array.isArray(shape) ||
    shape.length > MOST_AXES ||
    !shape.every((length) => Number.isInteger(length) && length >= 0)
  ) {
    const got = Array.isArray(shape) && shape.length <= MOST_AXES ? `[${shape}]` : `${shape?.length} numbers`;
    throw expected(
      "tensor",
      `a shape of at most ${MOST_AXES} whole numbers`,
      got,
      "Give the shape first, then the values",
    );
  }
  if (values.length !== sizeOf(shape)) {
    throw expected("tensor", `${sizeOf(shape)} values for shape [${shape}]`, `${values.length}`, "Check the shape");
  }
  if (!ArrayBuffer.isView(values)) {
    const wrong = Array.from(values).find((value) => typeof value !== "number");
    if (wrong !== undefined)
      throw expected("tensor", "numbers in one list", shown(wrong), "Flatten lists within lists");
  }
  const data = device.buffer(values.length);
  data.set(values);
  return new Tensor(device, shape, data);
}
