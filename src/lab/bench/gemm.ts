/**
 * Times the three products, dense and sparse, of linear layers and convolutions of given sizes. Pruning and packing are
 * part of every sparse call unless `packing` is false. The sparse operand is, in forward, W along I (for a convolution
 * along its channels), in inputGrad W along O, in weightGrad an unbiased sample of G along T. Besides these there are
 * fixed masks: inputGrad under a transposable mask of W, weightGrad under an alternate mask. gemv is forward for
 * inference: few rows, with slices that are made beforehand.
 */

import { PRODUCTS, type Product } from "../../core/backend/families/products.ts";
import { type Geometry, matrixGeometry } from "../../core/backend/geometry.ts";
import type { Kernels } from "../../core/backend/kernels.ts";
import { Random } from "../../core/random.ts";
import { PackedMatrix } from "../../core/sparse/formats/packed-matrix.ts";
import { SlicedMatrix } from "../../core/sparse/formats/sliced-matrix.ts";
import { misfit, type Pattern, parsePattern, patternName } from "../../core/sparse/pattern.ts";
import { interleave, type Timed } from "../statistics/interleave.ts";

/** The products that can be timed. */
export const GEMMS = [...PRODUCTS, "gemv"] as const;
export type Gemm = (typeof GEMMS)[number];

/** A convolution with a square kernel, padded by half of it. */
export interface Conv {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly out: number;
}

/** Sizes of a product: T rows of activations, I inputs, O outputs; for a convolution they follow from `conv`. */
export interface Size {
  readonly t: number;
  readonly i: number;
  readonly o: number;
  readonly conv?: Conv | undefined;
}

/** One line of `bench gemm --json`; milliseconds are medians. */
export interface GemmCase extends Size {
  readonly gemm: Gemm | "conv";
  /** Which of the three products it is; for a linear layer the same as `gemm`, for gemv forward. */
  readonly product: Product;
  readonly pattern: string;
  readonly threads: number;
  readonly backend: string;
  readonly packing: boolean;
  readonly denseMs: number;
  readonly sparseMs: number;
  /** Dense / sparse time, median of the rounds, with its quartiles. */
  readonly ratio: number;
  readonly ratioQuartiles: readonly [number, number];
}

export interface GemmOptions {
  readonly patterns: readonly Pattern[];
  readonly packing?: boolean | undefined;
  /** Number of rounds. Default 20. */
  readonly rounds?: number | undefined;
  /** The most seconds for a case. Default 3. */
  readonly seconds?: number | undefined;
}

const geometryOf = ({ batch, height, width, channels, kernel, stride, out }: Conv): Geometry => {
  const padding = Math.floor(kernel / 2);
  const side = (length: number): number => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  const image = [batch, height, width, channels, kernel, kernel, stride, padding, side(height), side(width)];
  return Int32Array.of(...image, out);
};

const geometryOfSize = ({ t, i, o, conv }: Size): Geometry =>
  conv === undefined ? matrixGeometry(t, i, o) : geometryOf(conv);

export function convSize(conv: Conv): Size {
  const g = geometryOf(conv);
  return { t: g[0] * g[8] * g[9], i: g[4] * g[5] * g[3], o: g[10], conv };
}

/** One product at one size, ready to be called. */
export interface GemmCalls {
  /** Random operands; the caller may write others before the first call. */
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly g: Float32Array;
  readonly output: Float32Array;
  /** The calls by name: "dense", then each pattern that fits; patterns that do not fit are left out. */
  readonly calls: Readonly<Record<string, () => void>>;
}

/** Makes arrays of random numbers: zeros may be added faster, and pages that were never written are all one page. */
function randomArrays(kernels: Kernels): (length: number) => Float32Array {
  const random = new Random(1);
  return (length) => {
    const array = kernels.float32(length);
    for (let at = 0; at < length; at++) array[at] = random.uniform() - 0.5;
    return array;
  };
}

export function gemmCalls(
  kernels: Kernels,
  product: Product,
  { t, i, o, conv }: Size,
  patterns: readonly Pattern[],
  packing = true,
): GemmCalls {
  const filled = randomArrays(kernels);
  const geometry = geometryOfSize({ t, i, o, conv });
  const [batch, height, width, channels] = geometry;
  const taps = i / channels;
  const inputs = batch * height * width * channels;
  const [x, w, g] = [filled(inputs), filled(o * i), filled(t * o)];
  const output = filled({ forward: t * o, inputGrad: inputs, weightGrad: o * i }[product]);
  const dense: Record<Product, () => void> = {
    forward: () => kernels.forward(output, x, w, null, geometry, 0),
    inputGrad: () => kernels.inputGrad(output, g, w, geometry),
    weightGrad: () => kernels.weightGrad(output, g, x, geometry),
  };
  const [rows, k] = { forward: [o, i], inputGrad: [channels, taps * o], weightGrad: [o, t] }[product];
  // groups lie within one tap
  const run = { forward: channels, inputGrad: o, weightGrad: t }[product];
  const fitting = patterns.filter((pattern) => misfit(pattern, run) === undefined);
  const calls: Record<string, () => void> = { dense: dense[product] };
  for (const pattern of fitting) {
    const packed = new PackedMatrix(kernels, rows, k, pattern);
    const pack: Record<Product, () => void> = {
      forward: () => kernels.pruneRows(packed, packed.mask, null, w, o, i, 0),
      inputGrad: () => kernels.pruneColumns(packed, w, null, null, channels, taps * o, taps),
      weightGrad: () => kernels.sampleColumns(packed, g, o, t, { seed: 1, layer: 0, step: 0 }),
    };
    const multiply: Record<Product, () => void> = {
      forward: () => kernels.forwardSparse(output, x, packed, null, geometry, 0),
      inputGrad: () => kernels.inputGradSparse(output, g, packed, geometry),
      weightGrad: () => kernels.weightGradSparse(output, packed, x, geometry),
    };
    pack[product]();
    calls[patternName(pattern)] = () => {
      if (packing) pack[product]();
      multiply[product]();
    };
  }
  return { x, w, g, output, calls };
}

/** Times one product at one size under each pattern that fits, and under fixed masks. */
export function benchGemm(kernels: Kernels, product: Product, size: Size, options: GemmOptions): GemmCase[] {
  const { packing = true, rounds = 20, seconds = 3 } = options;
  const { calls, ...operands } = gemmCalls(kernels, product, size, options.patterns, packing);
  const fixed = fixedMaskCalls(kernels, product, geometryOfSize(size), operands, packing);
  return casesOf(kernels, product, size, packing, interleave({ ...calls, ...fixed }, rounds, seconds));
}

/** Times forward for inference: dense, and with slices that are made beforehand. */
export function benchGemv(kernels: Kernels, size: Size, options: GemmOptions): GemmCase[] {
  const { t, i, o } = size;
  const { rounds = 20, seconds = 3 } = options;
  const filled = randomArrays(kernels);
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
  gemm: Gemm,
  size: Size,
  packing: boolean,
  [first, ...rest]: readonly Timed[],
): GemmCase[] {
  return rest.map(({ name, ms, ratio }) => ({
    ...{
      gemm: size.conv === undefined ? gemm : ("conv" as const),
      product: gemm === "gemv" ? "forward" : gemm,
    },
    ...size,
    ...{ pattern: name, threads, backend, packing },
    ...{
      denseMs: first.ms.median,
      sparseMs: ms.median,
      ratio: ratio.median,
      ratioQuartiles: [ratio.q1, ratio.q3] as const,
    },
  }));
}

/**
 * Calls with masks that are not chosen for this product alone. Transposable: one mask of W serves forward and
 * inputGrad; a call finds the mask and packs the transpose. Alternate: every second position, so nothing is packed.
 */
function fixedMaskCalls(
  kernels: Kernels,
  product: Product,
  geometry: Geometry,
  { x, w, g, output }: Omit<GemmCalls, "calls">,
  packing: boolean,
): Record<string, () => void> {
  if (product === "weightGrad") {
    return { "alternate 1:2": () => kernels.weightGradAlternate(output, g, x, geometry, 0, 0, 2) };
  }
  const [, , , channels, kernelHeight, kernelWidth] = geometry;
  const [taps, o] = [kernelHeight * kernelWidth, geometry[10]];
  if (product !== "inputGrad" || channels % 4 !== 0 || o % 4 !== 0) return {};
  const pattern = parsePattern("2:4");
  const { mask } = new PackedMatrix(kernels, o, taps * channels, pattern);
  const transpose = new PackedMatrix(kernels, channels, taps * o, pattern);
  const pack = (): void => {
    kernels.pruneTransposable(mask, w, o, taps * channels, pattern, 0);
    kernels.pruneColumns(transpose, w, mask, null, channels, taps * o, taps);
  };
  pack();
  return {
    "transposable 2:4": () => {
      if (packing) pack();
      kernels.inputGradSparse(output, g, transpose, geometry);
    },
  };
}
