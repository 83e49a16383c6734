/** LBC: dense at first, survivors by the cubic, scores as of explicit combinations, one combination in the end. */
import { describe, expect, test } from "vitest";
import { Training } from "../../../../../test/training.ts";
import { combinationCount, combinations } from "../../../sparse/combinations.ts";
import { parsePattern } from "../../../sparse/pattern.ts";
import type { SparseParameter } from "../method.ts";
import { dense } from "./dense.ts";
import { lbc, survivors } from "./lbc.ts";

const STEPS = 40;

/** The scores of all combinations of all groups, each a number of its own, by SGD with momentum. */
class Explicit {
  readonly #choices: number[];
  readonly #count: number;
  readonly #scores: Float64Array;
  readonly #velocity: Float64Array;
  readonly #left: Uint8Array;
  readonly #parameter: SparseParameter;
  readonly #pattern: { readonly n: number; readonly m: number; readonly v: number };

  constructor(parameter: SparseParameter) {
    this.#parameter = parameter;
    this.#pattern = parameter.pattern;
    const { n, m, v } = parameter.pattern;
    this.#choices = combinations(n, m);
    this.#count = this.#choices.length * Math.ceil(parameter.rows / v) * (parameter.k / m);
    this.#scores = new Float64Array(this.#count).fill(1 / combinationCount(n - 1, m - 1));
    this.#velocity = new Float64Array(this.#count);
    this.#left = new Uint8Array(this.#count).fill(1);
  }

  #eachWeight(visit: (combination: number, at: number) => void): void {
    const { rows, k } = this.#parameter;
    const { m, v } = this.#pattern;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < k; column++) {
        const group = Math.floor(row / v) * (k / m) + Math.floor(column / m);
        this.#choices.forEach((bits, c) => {
          if ((bits >>> (column % m)) & 1) visit(group * this.#choices.length + c, row * k + column);
        });
      }
    }
  }

  learn(weight: Float32Array, gradient: Float32Array, momentum: number, rate: number): void {
    const descent = new Float64Array(this.#count);
    this.#eachWeight((combination, at) => {
      descent[combination] += weight[at] * gradient[at];
    });
    for (let i = 0; i < this.#count; i++) {
      this.#velocity[i] = momentum * this.#velocity[i] + descent[i];
      this.#scores[i] -= rate * this.#velocity[i];
    }
  }

  removeUntil(keep: number): void {
    const { length } = this.#choices;
    for (let group = 0; group < this.#count; group += length) {
      const left = this.#choices.map((_, c) => group + c).filter((i) => this.#left[i] === 1);
      left.sort((a, b) => this.#scores[a] - this.#scores[b]);
      for (const i of left.slice(0, left.length - keep)) this.#left[i] = 0;
    }
  }

  union(): number[] {
    const union = new Array<number>(this.#parameter.rows * this.#parameter.k).fill(0);
    this.#eachWeight((combination, at) => {
      if (this.#left[combination] === 1) union[at] = 1;
    });
    return union;
  }
}

describe("LBC", () => {
  test("lists the choices in the order of their lowest places", () => {
    expect(combinations(2, 4)).toEqual([0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100]);
    for (const [n, m] of [
      [1, 4],
      [4, 8],
      [2, 16],
    ]) {
      expect(combinations(n, m).length).toBe(combinationCount(n, m));
    }
  });

  test("leaves survivors by the third power of what is left of the time", () => {
    const counts = Array.from({ length: 12 }, (_, step) => survivors(6, step, 1, 11));
    expect(counts).toEqual([6, 6, 5, 4, 3, 3, 2, 2, 2, 2, 2, 1]);
  });

  test("refuses patterns with more combinations than 4:8 has", () => {
    const method = lbc();
    expect(method.misfit?.(parsePattern("8:16"), 32)).toContain("more than 70 combinations");
    for (const pattern of ["2:4", "4:8", "2:8v4", "1:16"]) {
      expect(method.misfit?.(parsePattern(pattern), 32)).toBeUndefined();
    }
  });

  test("multiplies by all weights before the first removal, bit for bit as dense training", () => {
    const plain = new Training(dense, { steps: STEPS });
    const masked = new Training(lbc, { steps: STEPS, numbers: { from: 0.25 } });
    for (let i = 0; i <= STEPS / 4; i++) expect(masked.step()).toBe(plain.step());
    // with five of six combinations no weight is missing yet
    for (let i = STEPS / 4 + 1; i < STEPS / 2; i++) expect(Number.isFinite(masked.step() - plain.step())).toBe(true);
    expect(masked.step()).not.toBe(plain.step());
  });

  for (const [pattern, momentum] of [
    ["2:4", 0],
    ["2:4", 0.9],
    ["1:4v2", 0.9],
    ["4:8", 0.9],
    ["2:8v4", 0],
  ] as const) {
    test(`removes what explicit scores of all combinations remove: ${pattern}, momentum ${momentum}`, () => {
      const method = lbc({ momentum });
      const { n, m } = parsePattern(pattern);
      const all = combinationCount(n, m);
      let explicit: Explicit | null = null;
      let parameter: SparseParameter | null = null;
      const watched = {
        ...method,
        onGradient: (one: SparseParameter, clock: Parameters<NonNullable<typeof method.onGradient>>[1]) => {
          parameter = one;
          explicit ??= new Explicit(one);
          // the mask of this step is of the scores before it
          explicit.removeUntil(survivors(all, clock.step, 0, STEPS / 2));
          const union = explicit.union();
          if (clock.step > 0) expect([...one.weight].map((w) => (w === 0 ? 0 : 1))).toEqual(union);
          explicit.learn(one.weight, one.gradient, momentum, clock.learningRate);
          method.onGradient?.(one, clock);
          expect([...one.gradient].every((g, i) => union[i] === 1 || g === 0)).toBe(true);
        },
      };
      const run = new Training(() => watched, { steps: STEPS, pattern });
      for (let i = 0; i < STEPS; i++) {
        run.step();
        expect(parameter!.pruned).toBe(i >= STEPS / 2);
      }
      expect(run.sparsity.verify().checked).toMatchObject([{ pattern, ok: true }]);
      const { length } = parameter!.weight;
      expect([...parameter!.weight].filter((w) => w !== 0).length).toBe((length * n) / m);
    });
  }

  test("keeps the largest where no gradient was seen", () => {
    const run = new Training(lbc, { steps: STEPS, numbers: { from: 0, until: 0 } });
    const before = run.weight.data.slice();
    run.step();
    const kept = run.sparsity.state().get("fc1.weight")!.data as Float32Array;
    for (let i = 0; i < before.length; i += 4) {
      const places = [0, 1, 2, 3].sort((a, b) => Math.abs(before[i + b]) - Math.abs(before[i + a]));
      expect(places.map((place) => kept[i + place] !== 0)).toEqual([true, true, false, false]);
    }
  });

  for (const half of [7, 13, 25]) {
    test(`goes on from step ${half} as if it had not stopped`, () => {
      const [whole, first, second] = [0, 1, 2].map(
        () => new Training(lbc, { steps: STEPS, numbers: { momentum: 0.9 } }),
      );
      for (let i = 0; i < half; i++) expect(first.step()).toBe(whole.step());
      second.goOnFrom(first, half);
      for (let i = half; i < STEPS; i++) expect(second.step()).toBe(whole.step());
      expect(second.weight.data).toEqual(whole.weight.data);
      expect(second.sparsity.checkpoint()).toEqual(whole.sparsity.checkpoint());
    });
  }
});
