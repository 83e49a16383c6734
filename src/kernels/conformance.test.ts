/** The native backend against the oracle, with every instruction set of this machine. */
import { describe } from "vitest";
import { kernelConformance, sameBitsConformance } from "./conformance.ts";
import { nativeInstructionSets, nativeKernels } from "./native.ts";

const sets = nativeInstructionSets();
for (const set of sets) kernelConformance(`native ${set}`, () => nativeKernels(1, set));

describe.skipIf(sets.length === 0)("native", () => {
  const threads = (set: string) => [1, 2, 4].map((count) => () => nativeKernels(count, set));
  sameBitsConformance(Object.fromEntries(sets.map((set) => [set, threads(set)])));
});
