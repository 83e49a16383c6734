/** The mask of inputGrad's weight, where it is not chosen at every step: double-pruned with a refresh, and Bi-Mask. */
import { describe, expect, test } from "vitest";
import { makeSentences } from "../../lab/data/sentences.ts";
import { parseRecipe } from "../../lab/recipes/recipe.ts";
import { Run } from "../../lab/runs/run.ts";
import { jsKernels } from "../backend/js.ts";
import type { F32 } from "../backend/memory.ts";
import { textDataset } from "../data/text-dataset.ts";
import { Random } from "../random.ts";
import { PackedMatrix, unpack } from "../sparse/formats/packed-matrix.ts";
import { PackedTranspose } from "../sparse/formats/packed-transpose.ts";
import { isKept, verifyValues } from "../sparse/mask.ts";
import { segmentOf } from "../sparse/order-search.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { biMask } from "./methods/input-grad/bi-mask.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";

const kernels = jsKernels();
const random = new Random(3);
const normal = (length: number): F32 => Float32Array.from({ length }, () => random.normal());

/** The transpose [channels, taps * outputs] that a pack holds. */
function dense(packed: PackedTranspose): Float32Array {
  const w = new Float32Array(packed.rows * packed.k);
  unpack(packed, w);
  return w;
}

/** A masked weight [outputs, taps, channels] as its transpose. */
function transposed(w: F32, mask: Uint32Array, outputs: number, taps: number, channels: number): Float32Array {
  const k = taps * outputs;
  return Float32Array.from({ length: channels * k }, (_, at) => {
    const [c, tap, o] = [Math.floor(at / k), Math.floor((at % k) / outputs), at % outputs];
    return isKept(mask, taps * channels, o, tap * channels + c) ? w[(o * taps + tap) * channels + c] : 0;
  });
}

describe("double-pruned with a refresh", () => {
  test("keeps, of the entries that it chose last, those that forward keeps now", () => {
    const [outputs, channels] = [24, 40];
    const method = doublePruned({ refresh: 3 });
    if (!("pack" in method) || method.operand !== "weight") throw new Error();
    const transpose = new PackedTranspose(kernels, channels, outputs, parsePattern("2:4"));
    const forward = new PackedMatrix(kernels, outputs, channels, parsePattern("2:4"));
    let chosen = new Uint32Array();
    for (let step = 4; step < 12; step++) {
      const w = normal(outputs * channels);
      forward.prune(w);
      method.pack(transpose, w, forward.mask, 1, { seed: 1, layer: 0, step });
      const now = dense(transpose);
      expect(verifyValues(now, channels, outputs, parsePattern("2:4"))).toMatchObject({ ok: true });
      // at its first step whatever that is, then at multiples
      if (step === 4 || step % 3 === 0) {
        const alone = new PackedTranspose(kernels, channels, outputs, parsePattern("2:4"));
        alone.prune(w, forward.mask, 1);
        expect(now).toEqual(dense(alone));
        chosen = transpose.choice!.slice();
      } else {
        const both = forward.mask.map((word, i) => word & chosen[i]);
        expect(now).toEqual(transposed(w, both, outputs, 1, channels));
      }
    }
  });
});

describe("Bi-Mask", () => {
  test.each([
    ["2:4", 96, 1, 40],
    ["2:4v2", 256, 1, 24],
    ["1:4", 24, 9, 12],
    ["3:5", 250, 1, 7],
  ])(
    "%s of %i outputs, %i taps: N:M in its order, and more than in the order they lie in",
    (text, outputs, taps, channels) => {
      const pattern = parsePattern(text);
      const make = (values: object) => {
        const method = biMask({ ...values });
        if (!("pack" in method) || method.operand !== "weight") throw new Error();
        const transpose = new PackedTranspose(kernels, channels, taps * outputs, pattern);
        method.pack(transpose, w, mask, taps, { seed: 1, layer: 2, step: 0 });
        return transpose;
      };
      const w = normal(outputs * taps * channels);
      // as if some outputs were of no use, so that the order matters
      w.forEach((_, at) => {
        if (Math.floor(at / (taps * channels)) % 8 < 4) w[at] *= 0.01;
      });
      const forward = new PackedMatrix(kernels, outputs, taps * channels, {
        n: 1,
        m: channels % 2 === 0 ? 2 : channels,
        v: 1,
      });
      forward.prune(w);
      const { mask } = forward;
      const weigh = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, x) => sum + Math.abs(x), 0);
      const [plain, searched] = [make({ candidates: 0 }), make({ candidates: 20 })];
      expect(weigh(searched.values)).toBeGreaterThan(weigh(plain.values));
      const { order } = searched;
      const all = transposed(w, mask, outputs, taps, channels);
      const now = dense(searched);
      now.forEach((x, at) => {
        if (x !== 0) expect(x).toBe(all[at]);
      });
      const k = taps * outputs;
      const ordered = now.map((_, at) => now[at - (at % k) + order![at % k]]);
      expect(verifyValues(ordered, channels, k, pattern)).toMatchObject({ ok: true });
      const segment = segmentOf(pattern.m, outputs, taps);
      order!.forEach((to, from) => {
        expect(Math.floor(to / segment)).toBe(Math.floor(from / segment));
      });
    },
  );

  test("the product with its pack is the one with what it keeps, through taps that a stride leaves out", () => {
    const [outputs, channels] = [96, 8];
    const geometry = Int32Array.of(2, 9, 9, channels, 3, 3, 2, 1, 5, 5, outputs);
    const w = normal(outputs * 9 * channels);
    const forward = new PackedMatrix(kernels, outputs, 9 * channels, parsePattern("2:4"));
    forward.prune(w);
    const method = biMask({ candidates: 3 });
    if (!("pack" in method) || method.operand !== "weight") throw new Error();
    const transpose = new PackedTranspose(kernels, channels, 9 * outputs, parsePattern("2:4"));
    method.pack(transpose, w, forward.mask, 9, { seed: 1, layer: 0, step: 0 });
    const k = 9 * outputs;
    const back = dense(transpose);
    const wBack = w.map((_, at) => {
      const [o, tap, c] = [Math.floor(at / 9 / channels), Math.floor(at / channels) % 9, at % channels];
      return back[c * k + tap * outputs + o];
    });
    const dy = normal(2 * 5 * 5 * outputs);
    const [sparse, plain] = [new Float32Array(2 * 81 * channels), new Float32Array(2 * 81 * channels)];
    kernels.inputGrad(plain, dy, wBack, geometry);
    kernels.inputGradSparse(sparse, dy, transpose, geometry);
    sparse.forEach((x, at) => {
      expect(x).toBeCloseTo(plain[at], 3);
    });
  });
});

const data = textDataset(makeSentences(2000, 1));
test.each([
  ["double-pruned", { name: "double-pruned", refresh: 5 }],
  ["bi-mask", { name: "bi-mask", refresh: 5, candidates: 4 }],
])(
  "%s: a run that goes on in the middle of an interval ends with the bits of one that was not interrupted",
  (_, inputGrad) => {
    const recipe = parseRecipe({
      data: { name: "text" },
      model: { name: "gpt", layers: 1, width: 16, heads: 2, context: 16, dropout: 0.1 },
      optimizer: { name: "adamw", learningRate: 3e-3 },
      ...{ steps: 10, batchSize: 4, method: { name: "sr-ste" }, inputGrad },
    });
    const device = (): Device => new Device(jsKernels());
    const whole = new Run(recipe, data, device());
    while (!whole.done) whole.advance();
    const begun = new Run(recipe, data, device());
    while (begun.step < 7) begun.advance();
    begun.evaluate();
    const resumed = new Run(recipe, data, device());
    resumed.restore(begun.state(), begun.step);
    while (!resumed.done) resumed.advance();
    const state = whole.state();
    expect([...state.keys()].some((key) => /inputGrad\.(choice|order)$/.test(key))).toBe(true);
    expect([...resumed.state()]).toEqual([...state]);
  },
);
