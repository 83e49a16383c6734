import { expect, test } from "vitest";
import { Random } from "../../core/random.ts";
import { falling, secondsToLoss, timeToEqualLoss } from "./time-to-loss.ts";

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

test("a curve is smoothed so that it never rises, and ends at its least loss", () => {
  const curve = [5, 2, 4, 3, 1, 6].map((loss, seconds) => ({ seconds, loss }));
  expect(falling(curve).map(({ loss }) => loss)).toEqual([5, 3, 3, 3, 1]);
  const random = new Random(4);
  for (let i = 0; i < 100; i++) {
    const losses = Array.from({ length: 8 }, () => random.normal());
    const smooth = falling(losses.map((loss, seconds) => ({ seconds, loss }))).map(({ loss }) => loss);
    expect(smooth.at(-1)).toBe(Math.min(...losses));
    for (let at = 1; at < smooth.length; at++) expect(smooth[at]).toBeLessThanOrEqual(smooth[at - 1]);
    // pooling keeps the sum
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    expect(sum(smooth)).toBeCloseTo(sum(losses.slice(0, smooth.length)), 9);
  }
});

test("a lucky evaluation below those after it does not count as having reached a loss", () => {
  const lucky = [0.9, 0.3, 0.6, 0.5, 0.3].map((loss, i) => ({ seconds: i + 1, loss }));
  // smoothed to 0.467 from second 2 to 4
  expect(timeToEqualLoss(dense, lucky)!.loss).toBe(0.3);
  expect(timeToEqualLoss(dense, lucky)!.seconds).toBe(5);
});
