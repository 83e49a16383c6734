import { expect, test } from "vitest";
import { secondsToLoss, timeToEqualLoss } from "./time-to-loss.ts";

const dense = [
  { seconds: 1, loss: 0.8 },
  { seconds: 2, loss: 0.4 },
  { seconds: 3, loss: 0.2 },
];

test("the time to a loss is linear between two evaluations, and none where it is not reached", () => {
  expect(secondsToLoss(dense, 0.4)).toBe(2);
  expect(secondsToLoss(dense, 0.3)).toBeCloseTo(2.5, 12);
  expect(secondsToLoss(dense, 0.9)).toBe(1);
  expect(secondsToLoss(dense, 0.1)).toBeNull();
});

test("two runs are compared at the least loss that both reach, also where one rises again", () => {
  const own = [
    { seconds: 0.5, loss: 0.7 },
    { seconds: 1, loss: 0.3 },
    { seconds: 1.5, loss: 0.35 },
  ];
  const equal = timeToEqualLoss(dense, own)!;
  expect(equal.loss).toBe(0.3);
  expect(equal.seconds).toBe(1);
  expect(equal.denseSeconds).toBeCloseTo(2.5, 12);
});
