/**
 * The three products, dense and sparse, at given sizes. Pruning and packing are in every sparse call unless `packing` is
 * false. The sparse operand: forward W along I, inputGrad W along O, weightGrad an unbiased sample of G along T. gemv is
 * forward for inference: few rows, and slices that are always ready.
 */
import { type Kernels, matrixGeometry } from "../kernels/kernels.ts";
import { Random } from "../random.ts";
import { PackedMatrix } from "../sparse/packed-matrix.ts";
import { misfit, type Pattern, patternName } from "../sparse/pattern.ts";
import { SlicedMatrix } from "../sparse/sliced-matrix.ts";
import { interleave, type Timed } from "./interleave.ts";

export type Gemm = "forward" | "inputGrad" | "weightGrad";
export const GEMMS: readonly Gemm[] = ["forward", "inputGrad", "weightGrad"];
export const PRODUCTS = [...GEMMS, "gemv"] as const;
export type Product = (typeof PRODUCTS)[number];

/** Sizes of a product: T rows of activations, I inputs, O outputs. */
export interface Size {
  readonly t: number;
  readonly i: number;
  readonly o: number;
}

/** A line of `bench gemm --json`; milliseconds are medians. */
export interface GemmCase extends Size {
  readonly gemm: Product;
  readonly pattern: string;
  readonly threads: number;
  readonly backend: string;
  readonly packing: boolean;
  readonly denseMs: number;
  readonly sparseMs: number;
  /** Dense / sparse, median of the rounds, with its quartiles. */
  readonly ratio: number;
  readonly ratioQuartiles: readonly [number, number];
}

export interface GemmOptions {
  readonly patterns: readonly Pattern[];
  readonly packing?: boolean | undefined;
  /** Default 20. */
  readonly rounds?: number | undefined;
  /** At most this long a case. Default 3. */
  readonly seconds?: number | undefined;
}

/** Times one product at one size under each pattern that fits; patterns that do not are left out. */
export function benchGemm(kernels: Kernels, gemm: Gemm, size: Size, options: GemmOptions): GemmCase[] {
  const { t, i, o } = size;
  const { packing = true, rounds = 20, seconds = 3 } = options;
  const random = new Random(1);
  const filled = (length: number): Float32Array => {
    const array = kernels.float32(length);
    for (let at = 0; at < length; at++) array[at] = random.uniform() - 0.5;
    return array;
  };
  const [x, w, g] = [filled(t * i), filled(o * i), filled(t * o)];
  const [y, dx, dw] = [filled(t * o), filled(t * i), filled(o * i)];
  const geometry = matrixGeometry(t, i, o);
  const dense: Record<Gemm, () => void> = {
    forward: () => kernels.forward(y, x, w, null, geometry, 0),
    inputGrad: () => kernels.inputGrad(dx, g, w, geometry),
    weightGrad: () => kernels.weightGrad(dw, g, x, geometry),
  };
  const [rows, k] = { forward: [o, i], inputGrad: [i, o], weightGrad: [o, t] }[gemm];
  const fitting = options.patterns.filter((pattern) => misfit(pattern, k) === undefined);
  const variants: Record<string, () => void> = { dense: dense[gemm] };
  for (const pattern of fitting) {
    const { n, m, v } = pattern;
    const { values, index, mask } = new PackedMatrix(kernels, rows, k, pattern);
    const pack: Record<Gemm, () => void> = {
      forward: () => kernels.pruneRows(values, index, mask, null, w, o, i, n, m, v),
      inputGrad: () => kernels.pruneColumns(values, index, w, i, o, 1, n, m, v),
      weightGrad: () => kernels.sampleColumns(values, index, g, o, t, n, m, v, 1, 0, 0),
    };
    const multiply: Record<Gemm, () => void> = {
      forward: () => kernels.forwardSparse(y, x, values, index, null, geometry, 0, n, m, v),
      inputGrad: () => kernels.inputGradSparse(dx, g, values, index, geometry, n, m, v),
      weightGrad: () => kernels.weightGradSparse(dw, values, index, x, geometry, n, m, v),
    };
    pack[gemm]();
    variants[patternName(pattern)] = () => {
      if (packing) pack[gemm]();
      multiply[gemm]();
    };
  }
  return casesOf(kernels, gemm, size, packing, interleave(variants, rounds, seconds));
}

/** Times forward for inference: dense, and from slices that are made before. */
export function benchGemv(kernels: Kernels, size: Size, options: GemmOptions): GemmCase[] {
  const { t, i, o } = size;
  const { rounds = 20, seconds = 3 } = options;
  const random = new Random(1);
  const filled = (length: number): Float32Array => {
    const array = kernels.float32(length);
    for (let at = 0; at < length; at++) array[at] = random.uniform() - 0.5;
    return array;
  };
  const [x, w, y] = [filled(t * i), filled(o * i), filled(t * o)];
  const geometry = matrixGeometry(t, i, o);
  const variants: Record<string, () => void> = { dense: () => kernels.forward(y, x, w, null, geometry, 0) };
  for (const pattern of options.patterns.filter((one) => misfit(one, i) === undefined)) {
    const packed = new PackedMatrix(kernels, o, i, pattern);
    packed.prune(w);
    const sliced = new SlicedMatrix(kernels, packed);
    variants[patternName(pattern)] = () => sliced.multiply(y, x, t);
  }
  return casesOf(kernels, "gemv", size, false, interleave(variants, rounds, seconds));
}

function casesOf(
  { backend, threads }: Kernels,
  gemm: Product,
  { t, i, o }: Size,
  packing: boolean,
  [first, ...rest]: readonly Timed[],
): GemmCase[] {
  return rest.map(({ name, ms, ratio }) => ({
    ...{ gemm, t, i, o, pattern: name, threads, backend, packing },
    ...{
      denseMs: first.ms.median,
      sparseMs: ms.median,
      ratio: ratio.median,
      ratioQuartiles: [ratio.q1, ratio.q3] as const,
    },
  }));
}
