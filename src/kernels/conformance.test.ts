import { kernelConformance, sameBitsConformance } from "./conformance.ts";
import { nativeInstructionSets, nativeKernels } from "./native.ts";

for (const set of nativeInstructionSets()) {
  kernelConformance(`native ${set}`, () => nativeKernels(1, set));
  sameBitsConformance(
    `native ${set}: 1, 2 and 4 threads give the same bits in`,
    [1, 2, 4].map((threads) => () => nativeKernels(threads, set)),
  );
}
