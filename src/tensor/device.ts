/**
 * A device: one backend's kernels, the memory of tensors, and the clocks of the three products.
 *
 * Tensors made inside `device.step(...)` live in a pool of buffers that the next step reuses: fresh zeroed arrays for
 * every operation would cost up to half of a training step. Reading such a tensor after its step is an error, not stale
 * numbers. Tensors made outside of a step are ordinary garbage-collected arrays.
 */
import { expected } from "../errors.ts";
import type { F32, Kernels } from "../kernels/kernels.ts";

/** Milliseconds spent since the clocks were last read, by the kernels of each kind; pack: pruning and packing. */
export interface Clocks {
  forward: number;
  inputGrad: number;
  weightGrad: number;
  pack: number;
}

export class Device {
  readonly kernels: Kernels;
  readonly clocks: Clocks = { forward: 0, inputGrad: 0, weightGrad: 0, pack: 0 };
  /** False inside of `withoutGradients`. */
  recording = true;
  #step = 0;
  #inside = false;
  readonly #free = new Map<number, F32[]>();
  readonly #used: F32[] = [];

  constructor(kernels: Kernels) {
    this.kernels = kernels;
  }

  /** 0 outside of a step, else the number of the step that is running. */
  get scope(): number {
    return this.#inside ? this.#step : 0;
  }

  /** Runs one step of training or evaluation; what its tensors hold is lost when body returns. Not nested. */
  step<T>(body: () => T): T {
    if (this.#inside) throw expected("device.step", "no step inside of a step", "one that is running", "Call it once around the whole step");
    this.#inside = true;
    this.#step++;
    try {
      const result = body();
      if (result instanceof Promise) {
        throw expected("device.step", "a body that ends before it returns", "a promise", "Await outside of the step");
      }
      return result;
    } finally {
      this.#inside = false;
      for (const buffer of this.#used.splice(0)) this.#put(buffer);
    }
  }

  /** Runs body without recording operations for `backward`. */
  withoutGradients<T>(body: () => T): T {
    const before = this.recording;
    this.recording = false;
    try {
      return body();
    } finally {
      this.recording = before;
    }
  }

  /** Memory for a tensor of this scope: from the pool, holding anything, inside of a step; new outside. */
  buffer(length: number): F32 {
    if (!this.#inside) return this.kernels.float32(length);
    const buffer = this.#free.get(length)?.pop() ?? this.kernels.float32(length);
    this.#used.push(buffer);
    return buffer;
  }

  /** Memory that is given back by `release`, earlier than the end of the step. */
  temporary(length: number): F32 {
    return this.#free.get(length)?.pop() ?? this.kernels.float32(length);
  }

  release(buffer: F32): void {
    this.#put(buffer);
  }

  #put(buffer: F32): void {
    const list = this.#free.get(buffer.length);
    if (list) list.push(buffer);
    else this.#free.set(buffer.length, [buffer]);
  }

  /** Runs a kernel and adds its time to one of the clocks. */
  timed(clock: keyof Clocks, kernel: () => void): void {
    const begin = performance.now();
    kernel();
    this.clocks[clock] += performance.now() - begin;
  }

  /** The clocks since the last call, set back to zero. */
  readClocks(): Clocks {
    const read = { ...this.clocks };
    this.clocks.forward = this.clocks.inputGrad = this.clocks.weightGrad = this.clocks.pack = 0;
    return read;
  }
}
