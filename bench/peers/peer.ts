/** The contract of a library that is measured beside trisparse, and code that all of them share. */

import type { Product } from "../../src/core/backend/families/products.ts";
import type { Size } from "../../src/lab/bench/gemm.ts";

/** The models of steps. `multiplies` counts all products of a step; no library computes the first layer's inputGrad. */
export const MODELS = {
  mlp: {
    text: "MLP 784-1024-1024-10",
    batch: 256,
    parameters: 1_863_690,
    multiplies: 256 * (2 * 784 * 1024 + 3 * 1024 * 1024 + 3 * 1024 * 10),
  },
  cnn: {
    text: "CNN 32-64-128",
    batch: 64,
    parameters: 94_762,
    multiplies: 64 * (2 * 1024 * 27 * 32 + 3 * 256 * 288 * 64 + 3 * 64 * 576 * 128 + 3 * 128 * 10),
  },
} as const;
export type ModelName = keyof typeof MODELS;

export interface Operands {
  /** Shape [T, I]. */
  readonly x: Float32Array;
  /** Shape [O, I]. */
  readonly w: Float32Array;
  /** Shape [T, O]. */
  readonly g: Float32Array;
}

/** One way in which a peer computes a case. */
export interface Variant {
  readonly name: string;
  /** Computes the case once, from ready inputs to a result that is there, and returns the milliseconds. */
  run(): Promise<number>;
  /**
   * Values to compare. For a dense product: entries of the last result at `places`; for a step: its loss; null if there
   * is nothing to compare with.
   */
  result(): Promise<readonly number[]> | null;
  stop(): void | Promise<void>;
}

/** A library on a number of threads. It has no variants for a product that is not compared with it. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly runtime: "native" | "wasm";
  readonly instructionSet: string;
  readonly threads: number;
  product(gemm: Product, size: Size, operands: Operands): Promise<readonly Variant[]>;
  /** Why the library cannot compute the case, if it cannot. */
  step(model: ModelName): Promise<readonly Variant[] | string>;
  stop(): void;
}

/** Opens a peer, or returns why it is not there. */
export type Open = (threads: number) => Promise<Peer | string>;

/**
 * Imports a package of bench/peers, which the root neither installs nor knows the types of; undefined if it is missing.
 */
export async function load<T>(name: string): Promise<T | undefined> {
  try {
    const loaded: { default?: T } = await import(name);
    return loaded.default ?? (loaded as T);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_MODULE_NOT_FOUND" && message.includes(name)) return undefined;
    throw error;
  }
}

export const NOT_INSTALLED = "not installed: npm install --prefix bench/peers";

/** Milliseconds of a call, including the promise that it returns. */
export async function timed(call: () => unknown): Promise<number> {
  const begin = performance.now();
  await call();
  return performance.now() - begin;
}

/** Entry i of operand `seed`, in [-0.5, 0.5). pytorch.py makes the same numbers, so that no operand has to be sent. */
export function filled(seed: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    let h = Math.imul(i + seed * 0x1000193, 0x9e3779b1) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca77) >>> 0;
    return ((h ^ (h >>> 13)) >>> 0) / 2 ** 32 - 0.5;
  });
}

export function operands({ t, i, o }: Size): Operands {
  return { x: filled(1, t * i), w: filled(2, o * i), g: filled(3, t * o) };
}

/** The places of a result that are compared; pytorch.py has the same ones. */
export function places(length: number): number[] {
  return Array.from({ length: 16 }, (_, i) => Math.floor((i * length) / 16) + i);
}

/** The entries at these places. */
export function at(result: ArrayLike<number>): number[] {
  return places(result.length).map((place) => result[place]);
}

/** The entries at these places in double precision, and the sums of their terms' magnitudes. */
export function expected(gemm: Product, { t, i, o }: Size, { x, w, g }: Operands): { value: number; scale: number }[] {
  const [rows, columns, k] = { forward: [t, o, i], inputGrad: [t, i, o], weightGrad: [o, i, t] }[gemm];
  const term: Record<Product, (r: number, c: number, n: number) => number> = {
    forward: (r, c, n) => x[r * i + n] * w[c * i + n],
    inputGrad: (r, c, n) => g[r * o + n] * w[n * i + c],
    weightGrad: (r, c, n) => g[n * o + r] * x[n * i + c],
  };
  return places(rows * columns).map((place) => {
    const [r, c] = [Math.floor(place / columns), place % columns];
    const terms = Array.from({ length: k }, (_, n) => term[gemm](r, c, n));
    return { value: terms.reduce((sum, one) => sum + one), scale: terms.reduce((sum, one) => sum + Math.abs(one), 0) };
  });
}

/** One-hot rows of the labels 0, 1, ... 9, 0, ... that every training step learns. */
export function oneHot(rows: number): Float32Array {
  return Float32Array.from({ length: rows * 10 }, (_, i) => Number(i % 10 === Math.floor(i / 10) % 10));
}

/** The learning rate of a step, so small that no batch is learned by heart, which would make gradients zero. */
export const RATE = 1e-9;
