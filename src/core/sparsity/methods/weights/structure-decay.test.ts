import { describe, expect, test } from "vitest";
import { sgd } from "../../../optim/sgd.ts";
import { verifyMask } from "../../../sparse/mask.ts";
import { patternName } from "../../../sparse/pattern.ts";
import { maskOf, named, setup } from "./conformance.ts";

const STEPS = 20;

/** The pattern of each step. */
function patterns(pattern: string, frames: string, inputs = 16): string[] {
  const numbers = { decayFrom: 0.2, decayUntil: 0.8 };
  const { sparsity, step } = setup(named("structure-decay"), sgd({ learningRate: 0.1 }), pattern, numbers, {
    ...{ words: { frames }, steps: STEPS, inputs },
  });
  const found = Array.from({ length: STEPS }, () => {
    step();
    if (!sparsity.pruned) return "dense";
    const { mask, pattern: own } = maskOf({ sparsity });
    expect(verifyMask(mask, 32, inputs, own)).toMatchObject({ ok: true });
    return patternName(own);
  });
  expect(sparsity.verify().checked).toMatchObject([{ ok: true, pattern }]);
  return found;
}

const times = (count: number, name: string): string[] => new Array<string>(count).fill(name);

describe("structure decay", () => {
  test("stepwise goes from (M-1):M by halves to N:M", () => {
    const dense = times(4, "dense");
    expect(patterns("2:4", "stepwise")).toEqual([...dense, ...times(6, "3:4"), ...times(10, "2:4")]);
    expect(patterns("1:4v2", "stepwise")).toEqual([
      ...[...dense, ...times(4, "3:4v2"), ...times(4, "2:4v2")],
      ...times(8, "1:4v2"),
    ]);
    expect(new Set(patterns("1:16", "stepwise"))).toEqual(new Set(["dense", "15:16", "8:16", "4:16", "2:16", "1:16"]));
    expect(new Set(patterns("3:8", "stepwise"))).toEqual(new Set(["dense", "7:8", "4:8", "3:8"]));
    expect(new Set(patterns("7:8", "stepwise"))).toEqual(new Set(["dense", "7:8"]));
  });

  test("geometric goes from 8N:8M, or the largest that packs and tiles, to N:M", () => {
    const dense = times(4, "dense");
    const frames = [...times(4, "8:16"), ...times(4, "4:8"), ...times(8, "2:4")];
    expect(patterns("2:4", "geometric")).toEqual([...dense, ...frames]);
    expect(patterns("2:4", "geometric", 24)).toEqual([...dense, ...times(6, "4:8"), ...times(10, "2:4")]);
    expect(new Set(patterns("1:2", "geometric"))).toEqual(new Set(["dense", "8:16", "4:8", "2:4", "1:2"]));
    expect(new Set(patterns("1:16", "geometric"))).toEqual(new Set(["dense", "1:16"]));
  });

  test("ends N:M where the run is shorter than its frames", () => {
    const { sparsity, step } = setup(
      named("structure-decay"),
      sgd({ learningRate: 0.1 }),
      "1:16",
      { decayUntil: 1 },
      { steps: 3 },
    );
    for (let i = 0; i < 3; i++) step();
    expect(sparsity.verify().checked).toMatchObject([{ ok: true, pattern: "1:16" }]);
  });
});
