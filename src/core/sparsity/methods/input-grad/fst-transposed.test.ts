/** The second mask of the code of Xu et al. 2022, written out from it, and how plans compute by it. */
import { expect, test } from "vitest";
import { makeDigits } from "../../../../lab/data/digits.ts";
import { parseRecipe } from "../../../../lab/recipes/recipe.ts";
import { Run } from "../../../../lab/runs/run.ts";
import { maskWords } from "../../../backend/families/masks.ts";
import { jsKernels } from "../../../backend/js.ts";
import { Random } from "../../../random.ts";
import { EmulatedWeight } from "../../../sparse/formats/emulated.ts";
import { Device } from "../../../tensor/device.ts";
import { fstTransposed } from "./fst-transposed.ts";

/**
 * backward_sparse on a weight [O, C, KH, KW] in one list: rows of 4, of which each 4 are turned; in each of the new rows the
 * 2 smallest are zeroed; then back.
 */
function backwardSparse(weight: readonly number[]): number[] {
  const rows = Array.from({ length: weight.length / 4 }, (_, i) => weight.slice(4 * i, 4 * i + 4));
  const turned = rows.map((_, at) => {
    const [a, b] = [Math.floor(at / 4), at % 4];
    return [0, 1, 2, 3].map((w) => rows[4 * a + w][b]);
  });
  const masked = turned.map((row) => {
    const smallest = [0, 1, 2, 3].toSorted((i, j) => Math.abs(row[i]) - Math.abs(row[j])).slice(0, 2);
    return row.map((value, i) => (smallest.includes(i) ? 0 : value));
  });
  return rows.flatMap((row, at) => row.map((_, b) => masked[4 * Math.floor(at / 4) + b][at % 4]));
}

const pattern = { n: 2, m: 4, v: 1 };
const method = fstTransposed();
if (!("prune" in method)) throw new Error("prunes a copy");

test("groups are those of the source's code: 4 apart in 16 neighbors of [outputs, channels, height, width]", () => {
  const random = new Random(2);
  for (const [outputs, channels, taps] of [
    [4, 4, 9],
    [8, 20, 9],
    [16, 3, 1],
    [5, 16, 4],
  ]) {
    const [k, size] = [taps * channels, outputs * taps * channels];
    const words = maskWords(k);
    const weight = Float32Array.from({ length: size }, () => random.normal());
    const mask = new Uint32Array(outputs * words);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < k; i++) if (random.uniform() < 0.5) mask[o * words + (i >>> 5)] |= 1 << (i & 31);
    const placeOf = (number: number): number => {
      const [o, c, tap] = [Math.floor(number / k), Math.floor(number / taps) % channels, number % taps];
      return o * k + tap * channels + c;
    };
    const forward = weight.map((value, at) => {
      const [o, i] = [Math.floor(at / k), at % k];
      return (mask[o * words + (i >>> 5)] >>> (i & 31)) & 1 ? value : 0;
    });
    const wanted = backwardSparse(Array.from({ length: size }, (_, number) => forward[placeOf(number)]));
    const copy = new Float32Array(size).fill(7);
    method.prune(copy, weight, mask, { outputs, taps, channels }, pattern);
    expect(Array.from({ length: size }, (_, number) => copy[placeOf(number)])).toEqual(wanted);
  }
});

test("a linear layer of 16 inputs keeps inputs that are 4 apart, not neighboring outputs", () => {
  const weight = Float32Array.from({ length: 16 }, (_, i) => i + 1);
  const copy = new Float32Array(16);
  method.prune(copy, weight, Uint32Array.of(0xffffffff), { outputs: 1, taps: 1, channels: 16 }, pattern);
  expect([...copy]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 9, 10, 11, 12, 13, 14, 15, 16]);
});

test("a plan says that it is emulated and why, and inputGrad multiplies by what it leaves of forward's weight", () => {
  const recipe = {
    ...{ model: { name: "cnn", widths: [4, 8, 8] }, batchSize: 4, steps: 2 },
    ...{ strategy: { name: "fst", pattern: "2:4" }, inputGrad: { name: "fst-transposed", pattern: "2:4" } },
  };
  const run = new Run(parseRecipe(recipe), makeDigits({ limit: { train: 64, test: 16 } }), new Device(jsKernels()));
  const planned = run.plan.find(({ name }) => name === "conv2.weight")!;
  expect(planned.products.inputGrad).toMatchObject({
    ...{ operand: "weight", method: "fst-transposed", pattern: "2:4", computed: "emulated" },
    reason: "its groups do not run along the outputs",
  });
  const weight = run.model.parameters().find((one) => one.size === 8 * 4 * 9)!;
  const { plan } = weight;
  const seen: unknown[] = [];
  weight.plan = {
    forward: (x, geometry) => plan!.forward(x, geometry),
    inputGrad: (dy) => {
      const operand = plan!.inputGrad(dy);
      seen.push(operand);
      return operand;
    },
    weightGrad: (dy, x, geometry) => plan!.weightGrad(dy, x, geometry),
  };
  while (!run.done) run.advance();
  expect(seen).toHaveLength(2);
  expect(seen.every((operand) => operand instanceof EmulatedWeight)).toBe(true);
});

test("what its groups do not tile stays dense, and so do vectors", () => {
  expect(method.misfit!({ n: 2, m: 4, v: 2 })).toBe("fst-transposed has no vectors");
  const recipe = {
    ...{ model: { name: "cnn", widths: [4, 6, 8] }, batchSize: 4, steps: 1 },
    ...{ method: { name: "sr-ste", pattern: "2:4" }, inputGrad: { name: "fst-transposed", pattern: "2:4" } },
  };
  const run = new Run(parseRecipe(recipe), makeDigits({ limit: { train: 64, test: 16 } }), new Device(jsKernels()));
  const conv2 = run.plan.find(({ name }) => name === "conv2.weight")!;
  expect(conv2.products.inputGrad.reason).toBe("216 weights cannot be cut into groups of 16");
});
