/**
 * The kernel contract: every numeric loop of a training step, behind one interface with three backends.
 * A backend is a set of functions over typed arrays; outputs are written in place, nothing is allocated for the caller,
 * nothing is thrown. Shapes are the caller's duty (the ops check them). `js` is the oracle: short and obviously right.
 * native/kernels.def is the same list for C++; the order of arguments is the same everywhere.
 *
 * Legend: T, I, O = batch*outHeight*outWidth, kernelHeight*kernelWidth*channels, out; activations are channels-last,
 * weights [O, kernelHeight, kernelWidth, channels]; "| null" arguments may be left out.
 */

import type { ElementwiseKernels } from "./families/elementwise.ts";
import type { LossKernels } from "./families/losses.ts";
import type { MaskKernels } from "./families/masks.ts";
import type { NormalizationKernels } from "./families/normalization.ts";
import type { OptimizerKernels } from "./families/optimizers.ts";
import type { PackKernels } from "./families/packs.ts";
import type { ProductKernels } from "./families/products.ts";
import type { SequenceKernels } from "./families/sequence.ts";
import type { StructureKernels } from "./families/structure.ts";
import type { Memory } from "./memory.ts";

export interface Kernels
  extends Memory,
    ProductKernels,
    PackKernels,
    MaskKernels,
    ElementwiseKernels,
    NormalizationKernels,
    StructureKernels,
    LossKernels,
    SequenceKernels,
    OptimizerKernels {
  readonly backend: "native" | "wasm" | "js";
  /** What runs: "avx512", "avx2", "neon", "sse2", "simd128" or "scalar". */
  readonly instructionSet: string;
  readonly threads: number;
  /** Multiply-adds that the GEMM kernels have executed so far: the proof that a sparse product skipped its zeros. */
  multiplies(): number;
}

export type KernelName = Exclude<
  keyof Kernels,
  "backend" | "instructionSet" | "threads" | "multiplies" | "float32" | "uint8" | "uint32" | "int32" | "float64"
>;

// Every kernel once: one that is missing here does not compile, and a test holds the order against native/kernels.def.
const order: Record<KernelName, true> = {
  forward: true,
  inputGrad: true,
  weightGrad: true,
  forwardSparse: true,
  inputGradSparse: true,
  weightGradSparse: true,
  weightGradAlternate: true,
  forwardSparseActivations: true,
  forwardSlices: true,
  forwardCsr: true,
  weightGradCsr: true,
  pruneRows: true,
  packRows: true,
  pruneTransposable: true,
  pruneColumns: true,
  sampleColumns: true,
  sampleRows: true,
  sampleColumnsApproximately: true,
  packSlices: true,
  gatherEntries: true,
  maskedDecay: true,
  applyMask: true,
  maskDivergence: true,
  keptMagnitude: true,
  thresholds: true,
  softAxes: true,
  add: true,
  mix: true,
  addProduct: true,
  scale: true,
  sumOfSquares: true,
  columnSums: true,
  tileNorms: true,
  scaleTiles: true,
  addTiles: true,
  crossFactors: true,
  scaleCrosses: true,
  addCrosses: true,
  rowProducts: true,
  addSigns: true,
  shrink: true,
  relu: true,
  reluBackward: true,
  gelu: true,
  geluBackward: true,
  squaredRelu: true,
  squaredReluBackward: true,
  dropout: true,
  copyColumns: true,
  batchNorm: true,
  batchNormInfer: true,
  batchNormBackward: true,
  batchNormPool: true,
  batchNormPoolBackward: true,
  maxPool: true,
  maxPoolBackward: true,
  averagePool: true,
  averagePoolBackward: true,
  gatherColumns: true,
  scatterColumns: true,
  softmaxCrossEntropy: true,
  embedding: true,
  embeddingBackward: true,
  layerNorm: true,
  layerNormBackward: true,
  attention: true,
  attentionBackward: true,
  sgd: true,
  adam: true,
};

/** The names of the methods above that are kernels, in the order of native/kernels.def. */
export const KERNEL_NAMES: readonly KernelName[] = Object.keys(order) as KernelName[];

/** A kernel's name in C++: forwardSparse is forward_sparse. */
export function nativeName(name: KernelName): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
