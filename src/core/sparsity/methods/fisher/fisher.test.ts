/** Scores and updates by the empirical Fisher information, against dense inverses and brute force in double precision. */
import { describe, expect, test } from "vitest";
import { jsKernels } from "../../../backend/js.ts";
import { Random } from "../../../random.ts";
import { obsScores, obsUpdate } from "../unstructured/scores.ts";
import { fisherBlocks } from "./blocks.ts";
import { factorize, inverseDiagonal, solve } from "./cholesky.ts";
import { blocksOf, type CurvedParameter, type SampleGradients } from "./curvature.ts";
import { fisherDiagonal } from "./diagonal.ts";

const kernels = jsKernels();

function parameterOf(rows: number, k: number, weight: ArrayLike<number>): CurvedParameter {
  const arrays = new Map<string, Float32Array>();
  return {
    ...{ rows, k, kernels, weight: Float32Array.from(weight), maskBytes: new Uint8Array(rows * k).fill(1) },
    state: (name, length) => arrays.get(name) ?? arrays.set(name, new Float32Array(length)).get(name)!,
    forget: (name) => void arrays.delete(name),
  };
}

/** The gradients of samples that are given as they are, each [rows, k]. */
function given({ rows, k }: CurvedParameter, gradients: readonly Float64Array[]): SampleGradients {
  const sum = (of: (g: Float64Array) => number): number => gradients.reduce((all, g) => all + of(g), 0);
  return {
    samples: gradients.length,
    addSquares: (sums) =>
      sums.forEach((_, i) => {
        sums[i] += sum((g) => g[i] ** 2);
      }),
    addProducts: (sums, size) => {
      for (const { begin, length, start } of blocksOf(rows, k, size)) {
        for (let at = 0; at < rows * length ** 2; at++) {
          const first = Math.floor(at / length ** 2) * k + begin;
          const [i, j] = [first + (Math.floor(at / length) % length), first + (at % length)];
          sums[start + at] += sum((g) => g[i] * g[j]);
        }
      }
    },
  };
}

/** damping I + the mean of g g^T over these entries of the gradients. */
function fisherOf(gradients: readonly Float64Array[], entries: readonly number[], damping: number): Float64Array {
  const n = entries.length;
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [entries[Math.floor(at / n)], entries[at % n]];
    return gradients.reduce((sum, g) => sum + g[i] * g[j], 0) / gradients.length + (i === j ? damping : 0);
  });
}

/** The inverse of the same, by the Woodbury identity, one gradient at a time (Singh and Alistarh 2020). */
function woodbury(gradients: readonly Float64Array[], entries: readonly number[], damping: number): Float64Array {
  const n = entries.length;
  const inverse = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 / damping : 0));
  for (const gradient of gradients) {
    const g = entries.map((entry) => gradient[entry]);
    const product = g.map((_, i) => g.reduce((sum, value, j) => sum + inverse[i * n + j] * value, 0));
    const scale = gradients.length + g.reduce((sum, value, i) => sum + value * product[i], 0);
    for (let at = 0; at < n * n; at++) inverse[at] -= (product[Math.floor(at / n)] * product[at % n]) / scale;
  }
  return inverse;
}

function drawn(count: number, length: number, seed: number): Float64Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const shared = random.normal();
    // entries that go together, of sizes that differ: otherwise all blocks are near the identity
    return Float64Array.from({ length }, (_, i) => (0.3 + (i % 5)) * (random.normal() + shared));
  });
}

const closeTo = (value: number, expected: number): void => {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
};

const [rows, k] = [3, 11];
const weight = drawn(1, rows * k, 2)[0];
const gradients = drawn(40, rows * k, 1);
const all = Array.from({ length: rows * k }, (_, i) => i);
const meanSquare = (of: readonly number[]): number =>
  of.reduce((sum, i) => sum + gradients.reduce((own, g) => own + g[i] ** 2, 0), 0) / (of.length * gradients.length);
/** The entries of the same block. */
const blockOf = (i: number, size: number): number[] =>
  all.filter(
    (j) => Math.floor(j / k) === Math.floor(i / k) && Math.floor((j % k) / size) === Math.floor((i % k) / size),
  );

describe("Cholesky's factors", () => {
  test("give the solution and the diagonal of the inverse", () => {
    const entries = all.slice(0, 9);
    const a = fisherOf(gradients, entries, 0.1);
    const inverse = woodbury(gradients, entries, 0.1);
    const b = Float64Array.from(entries, (i) => weight[i]);
    const l = a.slice();
    factorize(l, 9, 0);
    inverseDiagonal(l, 9).forEach((value, i) => {
      expect(value).toBeCloseTo(inverse[i * 10], 10);
    });
    const x = b.slice();
    solve(l, 9, x);
    entries.forEach((_, i) => {
      expect(x.reduce((sum, value, j) => sum + a[i * 9 + j] * value, 0)).toBeCloseTo(b[i], 10);
    });
  });
});

describe("the diagonal", () => {
  test("scores F_ii w_i^2 / 2, over all batches that were added, and forgets them", () => {
    const parameter = parameterOf(rows, k, weight);
    fisherDiagonal.add(parameter, given(parameter, gradients.slice(0, 15)));
    fisherDiagonal.add(parameter, given(parameter, gradients.slice(15)));
    fisherDiagonal.scores(parameter).forEach((score, i) => {
      closeTo(score, (meanSquare([i]) * Math.fround(weight[i]) ** 2) / 2);
    });
    parameter.maskBytes[4] = 0;
    expect(fisherDiagonal.scores(parameter)[4]).toBe(0);
    fisherDiagonal.forget(parameter);
    expect([...fisherDiagonal.scores(parameter)]).toEqual(all.map(() => 0));
  });
});

describe.each([1, 4, 11, 64])("blocks of %i", (size) => {
  const options = { size, damping: 0.2, compensates: true };
  const fisher = fisherBlocks(options);
  const damping = 0.2 * meanSquare(all);
  const filled = (): CurvedParameter => {
    const parameter = parameterOf(rows, k, weight);
    fisher.add(parameter, given(parameter, gradients.slice(0, 15)));
    fisher.add(parameter, given(parameter, gradients.slice(15)));
    return parameter;
  };

  test("score w_i^2 / (2 [F^-1]_ii), with the inverse that WoodFisher makes one gradient at a time", () => {
    const parameter = filled();
    fisher.scores(parameter).forEach((score, i) => {
      const block = blockOf(i, size);
      const inverse = woodbury(gradients, block, damping);
      const scores = obsScores(
        block.map((j) => parameter.weight[j]),
        inverse,
      );
      closeTo(score, scores[block.indexOf(i)]);
    });
  });

  test("change what stays as OBS does if one entry goes", () => {
    const parameter = filled();
    const before = parameter.weight.slice();
    const kept = new Uint8Array(rows * k).fill(1);
    kept[14] = 0;
    fisher.compensate!(parameter, kept);
    const block = blockOf(14, size);
    const inverse = woodbury(gradients, block, damping);
    const update = obsUpdate(
      block.map((j) => before[j]),
      inverse,
      block.indexOf(14),
    );
    all.forEach((i) => {
      const change = i === 14 || !block.includes(i) ? 0 : update[block.indexOf(i)];
      expect(parameter.weight[i]).toBeCloseTo(before[i] + change, 5);
    });
  });

  test("leave no better change if several go, and none to what was pruned before", () => {
    const parameter = filled();
    parameter.maskBytes[0] = 0;
    parameter.weight[0] = 0;
    const before = parameter.weight.slice();
    const kept = Uint8Array.from(all, (i) => Number(i % 3 !== 0));
    fisher.compensate!(parameter, kept);
    expect(parameter.weight[0]).toBe(0);
    // what was pruned before does not count for the damping
    const damped = 0.2 * meanSquare(all.slice(1));
    for (const i of all.filter((entry) => kept[entry] === 1)) {
      const block = blockOf(i, size);
      const f = fisherOf(gradients, block, damped);
      const at = block.indexOf(i);
      // the slope of the quadratic at the entries that stay
      const slope = block.reduce((sum, j, column) => {
        const change = (kept[j] === 1 ? parameter.weight[j] : 0) - before[j];
        return sum + f[at * block.length + column] * change;
      }, 0);
      expect(Math.abs(slope)).toBeLessThan(1e-4);
    }
  });
});

test("weights without any gradient have the score 0 and stay as they are", () => {
  const fisher = fisherBlocks({ size: 4, damping: 1, compensates: true });
  const parameter = parameterOf(2, 6, weight.slice(0, 12));
  const none = [new Float64Array(12)];
  fisher.add(parameter, given(parameter, none));
  fisherDiagonal.add(parameterOf(2, 6, weight.slice(0, 12)), given(parameter, none));
  expect([...fisher.scores(parameter)]).toEqual(Array.from({ length: 12 }, () => 0));
  const before = parameter.weight.slice();
  fisher.compensate!(parameter, new Uint8Array(12));
  expect(parameter.weight).toEqual(before);
});

test("where the Hessian is known, OBD and OBS take the weight of the least rise, and magnitude does not", () => {
  // least squares: the loss is (x w - y)^2 / 2 on average and w its minimum, so the Hessian is the mean of x x^T
  const n = 12;
  let [obd, obs, magnitude] = [0, 0, 0];
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const scales = Array.from({ length: n }, () => Math.exp(0.7 * random.normal()));
    const inputs = drawn(60, n, seed + 100).map((x) => x.map((value, i) => value * scales[i]));
    const w = Float64Array.from({ length: n }, () => random.normal());
    const parameter = parameterOf(1, n, w);
    // residuals of size 1: the gradients r x have the mean of x x^T as their second moment
    const samples = given(
      parameter,
      inputs.map((x) => {
        const residual = random.uniform() < 0.5 ? -1 : 1;
        return x.map((value) => residual * value);
      }),
    );
    const hessian = fisherOf(inputs, all.slice(0, n), 0);
    const inverse = woodbury(inputs, all.slice(0, n), 1e-9);
    const rises = {
      alone: Array.from(w, (value, i) => (hessian[i * (n + 1)] * value ** 2) / 2),
      together: [...obsScores(w, inverse)],
    };
    const least = (values: ArrayLike<number>): number => Array.from(values).indexOf(Math.min(...Array.from(values)));
    fisherDiagonal.add(parameter, samples);
    const fisher = fisherBlocks({ size: 16, damping: 1e-6, compensates: true });
    const other = parameterOf(1, n, w);
    fisher.add(other, samples);
    obd += Number(least(fisherDiagonal.scores(parameter)) === least(rises.alone));
    // damping and single precision may decide between two that are as good
    obs += Number(rises.together[least(fisher.scores(other))] <= 1.01 * Math.min(...rises.together));
    magnitude += Number(least(w.map(Math.abs)) === least(rises.alone));
  }
  expect([obd, obs]).toEqual([20, 20]);
  // by chance 1 of 12
  expect(magnitude).toBeLessThan(14);
});
