/**
 * The kernel contract for compiled kernels, which have the names of native/kernels.def and take their arguments by
 * position.
 */

import { elementwisePositions } from "./families/elementwise.ts";
import { lossPositions } from "./families/losses.ts";
import { maskPositions } from "./families/masks.ts";
import { normalizationPositions } from "./families/normalization.ts";
import { optimizerPositions } from "./families/optimizers.ts";
import { packPositions } from "./families/packs.ts";
import { productPositions } from "./families/products.ts";
import { sequencePositions } from "./families/sequence.ts";
import type { KernelFamilies, KernelName } from "./kernels.ts";
import type { Position, Positions } from "./positions.ts";

export const positions: Positions<KernelFamilies> = {
  ...productPositions,
  ...packPositions,
  ...maskPositions,
  ...elementwisePositions,
  ...normalizationPositions,
  ...lossPositions,
  ...sequencePositions,
  ...optimizerPositions,
};

type Compiled = (...positions: readonly Position[]) => void;

/** All kernels of a compiled backend, from `functions` by their names in C++. */
export function compiledKernels(functions: Iterable<readonly [name: string, run: Compiled]>): KernelFamilies {
  const kernels = Array.from(functions, ([native, run]) => {
    const name = kernelName(native);
    const order = (positions as Readonly<Record<string, (...args: unknown[]) => readonly Position[]>>)[name];
    return [name, order === undefined ? run : (...args: unknown[]) => run(...order(...args))] as const;
  });
  return Object.fromEntries(kernels) as unknown as KernelFamilies;
}

/** The name of a kernel of kernels.def in this contract: forward_sparse is forwardSparse. */
export function kernelName(native: string): KernelName {
  return native.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) as KernelName;
}
