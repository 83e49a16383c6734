import { expect, test } from "vitest";
import { ALWAYS_SPARSE, type Phase, phaseAt } from "./phases.ts";

const phases = (shares: Partial<typeof ALWAYS_SPARSE>): Phase[] =>
  Array.from({ length: 10 }, (_, step) => phaseAt({ ...ALWAYS_SPARSE, ...shares }, step, 10));

test("everything is sparse from the first step to the last, unless shares say otherwise", () => {
  expect(phases({})).toEqual(Array(10).fill("sparse"));
  // an evaluation after the last step
  expect(phaseAt(ALWAYS_SPARSE, 10, 10)).toBe("sparse");
});

test("a run may begin dense, freeze its masks and end dense", () => {
  const steps = phases({ sparseFrom: 0.2, frozenFrom: 0.5, denseFrom: 0.8 });
  expect(steps.join(" ")).toBe("dense dense sparse sparse sparse frozen frozen frozen dense dense");
});
