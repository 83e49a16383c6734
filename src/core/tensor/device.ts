/**
 * A device: one backend's kernels, the memory of tensors, and the clocks of the three products.
 *
 * Tensors made inside `device.step(...)` live in a pool of buffers that the next step reuses: fresh zeroed arrays for
 * every operation would cost up to half of a training step. Reading such a tensor after its step is an error; it never
 * gives stale numbers. Tensors made outside of a step are ordinary garbage-collected arrays.
 *
 * All of today's devices compute on the processor: a kernel has run when its call returns, and `tensor.data` is a view
 * of the memory itself. Nothing in a training step relies on that. A step only queues kernels and reads: the gradient
 * that backward begins with, the mean of the losses and the norm for clipping are computed and used where the tensors
 * are. A device whose results come later (WebGPU) keeps what the body of `step` asked for and submits it, in this
 * order, when the body returns; it then copies what `item()` and `read()` queued out of the step's buffers before the
 * next step's kernels, and settles their promises when that copy has arrived. It has no `data`. Methods that work on
 * the host within a step say so, see `readsHost` of methods.
 */

import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";
import { shown } from "../options.ts";
import { Random } from "../random.ts";
import { Pool } from "./pool.ts";
import type { Precision } from "./precision.ts";

/** Milliseconds that the kernels of each kind have spent since the clocks were last read; pack: pruning and packing. */
export interface Clocks {
  forward: number;
  inputGrad: number;
  weightGrad: number;
  pack: number;
}

export interface DeviceOptions {
  /** Precision of the products. Default "f32". */
  readonly precision?: Precision | undefined;
  /** Seed of `device.random`. Default 0. */
  readonly seed?: number | undefined;
  /** One sentence on what runs here and why. Default: the backend and its instruction set. */
  readonly why?: string | undefined;
}

export class Device {
  readonly kernels: Kernels;
  readonly precision: Precision;
  /** Generator that layers draw their first values from if they are given no other. */
  readonly random: Random;
  /** One sentence on what runs here, and why. */
  readonly why: string;
  readonly clocks: Clocks = { forward: 0, inputGrad: 0, weightGrad: 0, pack: 0 };
  /** Whether operations are recorded for `backward`; false inside of `withoutGradients`. */
  recording = true;
  #step = 0;
  #inside = false;
  readonly #reads = new WeakSet<Promise<unknown>>();
  readonly #floats: Pool<F32>;
  readonly #bytes: Pool<Uint8Array>;
  readonly #integers: Pool<Int32Array>;

  constructor(kernels: Kernels, { precision = "f32", seed = 0, why }: DeviceOptions = {}) {
    this.kernels = kernels;
    this.precision = precision;
    this.random = new Random(seed);
    this.why = why ?? `The kernels of ${kernels.backend} ${kernels.instructionSet}, as they were given.`;
    this.#floats = new Pool((length) => kernels.float32(length));
    this.#bytes = new Pool((length) => kernels.uint8(length));
    this.#integers = new Pool((length) => kernels.int32(length));
  }

  /** Number of the step that is running; 0 outside of a step. */
  get scope(): number {
    return this.#inside ? this.#step : 0;
  }

  /**
   * Runs one step of training or evaluation; the values of its tensors are lost when `body` returns. Steps cannot be
   * nested. The body may return the promise of `item()` or `read()` of one of its tensors, and no other promise.
   */
  step<T>(body: () => T): T {
    if (typeof body !== "function")
      throw expected("device.step", "a function that takes the step", shown(body), "device.step(() => { ... })");
    if (this.#inside)
      throw expected(
        "device.step",
        "no step inside of a step",
        "one that is running",
        "Call it once around the whole step",
      );
    this.#inside = true;
    this.#step++;
    try {
      const result = body();
      if (result instanceof Promise && !this.#reads.has(result)) {
        // whatever it still does fails on buffers of a step that has ended; the error below is the one to see
        result.catch(() => {});
        throw expected(
          "device.step",
          "a body that ends before it returns, for the next step uses its buffers again",
          "an async body, or a promise that is not of item() or read()",
          "Return `loss.item()` itself and await what device.step returns",
        );
      }
      return result;
    } finally {
      this.#inside = false;
      this.#floats.takeBack();
      this.#bytes.takeBack();
      this.#integers.takeBack();
    }
  }

  /** Queues a copy of values that outlives the step; `item()` and `read()` return it. */
  queueRead<T>(copy: () => T): Promise<T> {
    // the executor runs at once, and what it throws rejects the promise
    const promise = new Promise<T>((resolve) => resolve(copy()));
    this.#reads.add(promise);
    return promise;
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

  /**
   * Memory for a tensor of this scope. Inside of a step it comes from the pool and is not zeroed; outside it is new.
   */
  buffer(length: number): F32 {
    return this.#inside ? this.#floats.lend(length) : this.kernels.float32(length);
  }

  /** Like `buffer`, for bytes. */
  bytes(length: number): Uint8Array {
    return this.#inside ? this.#bytes.lend(length) : this.kernels.uint8(length);
  }

  /** Like `buffer`, for 32-bit integers. */
  integers(length: number): Int32Array {
    return this.#inside ? this.#integers.lend(length) : this.kernels.int32(length);
  }

  /** Memory of the pool that `release` gives back before the end of the step. */
  temporary(length: number): F32 {
    return this.#floats.take(length);
  }

  /** Bytes of the step pool, in use or waiting: at most about twice what recent steps needed at once. */
  get pooledBytes(): number {
    return this.#floats.bytes + this.#bytes.bytes + this.#integers.bytes;
  }

  release(buffer: F32): void {
    this.#floats.put(buffer);
  }

  /** Runs a kernel and adds its time to one of the clocks. */
  timed(clock: keyof Clocks, kernel: () => void): void {
    const begin = performance.now();
    kernel();
    this.clocks[clock] += performance.now() - begin;
  }

  /** Returns the times since the last call and sets the clocks back to zero. */
  readClocks(): Clocks {
    const read = { ...this.clocks };
    this.clocks.forward = this.clocks.inputGrad = this.clocks.weightGrad = this.clocks.pack = 0;
    return read;
  }
}
