/**
 * The suite that every backend passes: each kernel of KERNEL_NAMES is compared with the oracle, on awkward and on
 * random shapes. Masks, packs, winners, draws and single operations must be bit-identical, and so must NaN and infinity
 * be everywhere. Sums may differ by `tolerance` times the sum of the magnitudes that went into them (1e-6: sixteen
 * roundings of f32); for kernels that are not sums, times the largest number that went in or came out. multiplies()
 * must agree exactly.
 * Arrays lie between guard words at odd addresses; arrays that are only read must stay as they were.
 */
import { describe, expect, test } from "vitest";
import { call, check, sameBits } from "./conformance/check.ts";
import { elementwiseProperties, elementwiseTrials } from "./conformance/elementwise.ts";
import { generalTrials } from "./conformance/general.ts";
import { groupedConvolutionTrials } from "./conformance/grouped-convolutions.ts";
import { lossesTrials } from "./conformance/losses.ts";
import { maskProperties, masksTrials } from "./conformance/masks.ts";
import { normalizationTrials } from "./conformance/normalization.ts";
import { optimizersTrials } from "./conformance/optimizers.ts";
import { packProperties, packsTrials } from "./conformance/packs.ts";
import { productProperties, productTrials } from "./conformance/products.ts";
import { reductionsTrials } from "./conformance/reductions.ts";
import { sequenceTrials } from "./conformance/sequence.ts";
import { awkward, large, type Shapes } from "./conformance/shapes.ts";
import { structureTrials } from "./conformance/structure.ts";
import { reseed, type Trial, type Trials } from "./conformance/trials.ts";
import { KERNEL_NAMES } from "./js.ts";
import type { KernelFamilies, KernelName, Kernels } from "./kernels.ts";

const trials: Trials<KernelFamilies> = {
  ...productTrials,
  ...groupedConvolutionTrials,
  ...packsTrials,
  ...masksTrials,
  ...elementwiseTrials,
  ...normalizationTrials,
  ...structureTrials,
  ...lossesTrials,
  ...reductionsTrials,
  ...sequenceTrials,
  ...optimizersTrials,
  ...generalTrials,
};

function trialsOf(name: KernelName, shapes: Shapes): readonly Trial[] {
  reseed(streamOf(name));
  return trials[name](shapes);
}

/**
 * The stream of a kernel's draws, by its name alone (FNV-1a), so that a new kernel does not change the draws of the
 * others.
 */
function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const awkwardTrials = new Map<KernelName, readonly Trial[]>();

/** Registers the suite for one backend. Every kernel of KERNEL_NAMES has its trials, or this file does not compile. */
export function kernelConformance(backend: string, make: () => Kernels): void {
  describe(`kernels of ${backend}`, () => {
    for (const name of KERNEL_NAMES) {
      test(`${name} agrees with the oracle and stays within its arrays`, () => {
        const kernels = make();
        const list = awkwardTrials.get(name) ?? trialsOf(name, awkward);
        awkwardTrials.set(name, list);
        expect(list.length).toBeGreaterThan(0);
        for (const one of list) check(kernels, name, one);
      });
    }
    productProperties(make);
    packProperties(make);
    maskProperties(make);
    elementwiseProperties(make);
  });
}

/**
 * Registers a test for each kernel: the backends of a group must give the same bits, on shapes that are split between
 * threads.
 */
export function sameBitsConformance(groups: Readonly<Record<string, readonly (() => Kernels)[]>>): void {
  test.each(KERNEL_NAMES)("%s gives the same bits with any number of threads", (name) => {
    const list = trialsOf(name, large);
    for (const [group, makes] of Object.entries(groups)) {
      const [wanted, ...others] = makes.map((make) => {
        // made once, not for each call: a thread pool is started again each time its size changes
        const kernels = make();
        return list.map(({ args }) => call(kernels, name, args));
      });
      for (const got of others) {
        list.forEach(({ about }, i) => {
          got[i].forEach((array, output) => {
            if (sameBits(array, wanted[i][output])) return;
            throw new Error(`${name} ${about} of ${group}: output ${output} differs`);
          });
        });
      }
    }
  });
}
