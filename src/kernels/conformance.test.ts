import { describe, expect, test } from "vitest";
import { allResults, allTrials, kernelConformance } from "./conformance.ts";
import { nativeInstructionSets, nativeKernels } from "./native.ts";

for (const set of nativeInstructionSets()) kernelConformance(`native ${set}`, () => nativeKernels(1, set));

describe.skipIf(nativeInstructionSets().length === 0)("threads of the native backend", () => {
  test("1, 2 and 4 threads give the same bits in every kernel", () => {
    const trials = allTrials();
    const one = allResults(() => nativeKernels(1), trials);
    for (const threads of [2, 4]) {
      const many = allResults(() => nativeKernels(threads), trials);
      many.forEach((arrays, i) => {
        arrays.forEach((array, j) => {
          expect(
            Buffer.from(array.buffer, array.byteOffset, array.byteLength).equals(
              Buffer.from(one[i][j].buffer, one[i][j].byteOffset, one[i][j].byteLength),
            ),
          ).toBe(true);
        });
      });
    }
    nativeKernels(1);
  });
});
