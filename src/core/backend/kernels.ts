/**
 * The kernel contract: every numeric loop of a training step, behind one interface with three backends. A backend is a
 * set of functions over typed arrays; outputs are written in place, nothing is allocated for the caller, nothing is
 * thrown. Callers must give right shapes (the operations check them). `js` is the oracle: short and obviously right.
 * native/kernels.def is the same list for C++, where the fields of objects are separate arguments (positions.ts).
 *
 * Legend: T, I, O = batch*outHeight*outWidth, kernelHeight*kernelWidth*channels, out; activations are channels-last,
 * weights [O, kernelHeight, kernelWidth, channels]; "| null" arguments may be left out.
 */

import type { ElementwiseKernels } from "./families/elementwise.ts";
import type { GeneralKernels } from "./families/general.ts";
import type { GroupedConvolutionKernels } from "./families/grouped-convolutions.ts";
import type { LossKernels } from "./families/losses.ts";
import type { MaskKernels } from "./families/masks.ts";
import type { NormalizationKernels } from "./families/normalization.ts";
import type { OptimizerKernels } from "./families/optimizers.ts";
import type { PackKernels } from "./families/packs.ts";
import type { ProductKernels } from "./families/products.ts";
import type { ReductionKernels } from "./families/reductions.ts";
import type { SequenceKernels } from "./families/sequence.ts";
import type { StructureKernels } from "./families/structure.ts";
import type { Memory } from "./memory.ts";

/** The kernels by their names. Backends differ only in how they compute them. */
export interface KernelFamilies
  extends ProductKernels,
    GroupedConvolutionKernels,
    PackKernels,
    MaskKernels,
    ElementwiseKernels,
    NormalizationKernels,
    StructureKernels,
    LossKernels,
    ReductionKernels,
    SequenceKernels,
    OptimizerKernels,
    GeneralKernels {}

export type KernelName = keyof KernelFamilies;

export interface Kernels extends Memory, KernelFamilies {
  readonly backend: "native" | "wasm" | "js";
  /** The instruction set that runs: "avx512", "avx2", "neon", "sse2", "simd128" or "scalar". */
  readonly instructionSet: string;
  readonly threads: number;
  /**
   * Number of multiply-adds that the GEMM kernels have executed so far: the proof that a sparse product skipped its
   * zeros.
   */
  multiplies(): number;
}
