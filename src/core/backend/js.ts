/**
 * The oracle: every kernel as the plainest loop that is right. Products are summed in double precision; all decisions
 * (masks, packs, winners, draws) are bit-identical to the other backends. It is slow by design.
 */
import type { KernelFamilies, KernelName, Kernels } from "./kernels.ts";
import { elementwise } from "./oracle/elementwise.ts";
import { general } from "./oracle/general.ts";
import { groupedConvolutions } from "./oracle/grouped-convolutions.ts";
import { losses } from "./oracle/losses.ts";
import { masks } from "./oracle/masks.ts";
import { normalization } from "./oracle/normalization.ts";
import { optimizers } from "./oracle/optimizers.ts";
import { packs } from "./oracle/packs.ts";
import { products } from "./oracle/products.ts";
import { reductions } from "./oracle/reductions.ts";
import { sequence } from "./oracle/sequence.ts";
import { structure } from "./oracle/structure.ts";

/** The plain JavaScript backend. */
export function jsKernels(): Kernels {
  let multiplies = 0;
  return {
    backend: "js",
    instructionSet: "scalar",
    threads: 1,
    multiplies: () => multiplies,
    float32: (length) => new Float32Array(length),
    uint8: (length) => new Uint8Array(length),
    uint32: (length) => new Uint32Array(length),
    int32: (length) => new Int32Array(length),
    float64: (length) => new Float64Array(length),
    ...families((count) => {
      multiplies += count;
    }),
  };
}

function families(count: (multiplies: number) => void): KernelFamilies {
  const dense = products(count);
  return {
    ...dense,
    ...groupedConvolutions(count),
    ...packs,
    ...masks,
    ...elementwise,
    ...normalization,
    ...structure,
    ...losses,
    ...reductions,
    ...sequence,
    ...optimizers,
    ...general(dense),
  };
}

/** The names of all kernels. */
export const KERNEL_NAMES: readonly KernelName[] = Object.keys(families(() => {})) as KernelName[];
