import { maskWords } from "../../../backend/families/masks.ts";
import { number, word } from "../../../options.ts";
import { defineWeightMethod } from "../define-method.ts";
import type { SparseParameter } from "../method.ts";
import { decayStrength, strengthOf } from "./pruned-decay.ts";
import { refreshEvery } from "./refresh.ts";

/** Temperature of the logistic functions; from the authors' code. */
const TEMPERATURE = 0.01;

/** Functions that fall from 1 to 0 while x rises from 0 to 1. */
const SHAPES = {
  linear: (x: number) => 1 - x,
  cos: (x: number) => Math.cos((x * Math.PI) / 2),
  // 0.05 an epoch over 30 epochs, as in the authors' code
  exp: (x: number) => 1 - (1 - Math.exp(-1.5 * x)) / (1 - Math.exp(-1.5)),
  cubic: (x: number) => (1 - x) ** 3,
};

/**
 * MaxQ: N:M by magnitude, where kept weights are multiplied by 1 to 3, depending on how far they are above the
 * thresholds of their output and of their kernel position: important weights become larger. At first a share of the
 * groups, those with the smallest sums of |w|, stay dense; the share falls to zero. Straight-through, with SR-STE's
 * decay. Source: Xiang et al. 2024.
 * Differences: (1) thresholds and dense groups are chosen anew every `refresh` steps, theirs at every one; (2) the
 * share falls by steps, not by epochs; (3) kernel positions count in any window of more than one tap; (4) of equal |w|
 * none is below a threshold because of its place.
 */
export const maxq = defineWeightMethod({
  name: "maxq",
  title: "MaxQ",
  about: "SR-STE with kept weights multiplied by 1 to 3, and groups that become sparse one after the other",
  source: "Xiang et al. 2024 (MaxQ); JingyangXiang/MaxQ",
  section: "conv_type/mullt_axis_query_v2_pro.py",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,sr-ste,maxq --pattern 1:8",
  sparse: true,
  options: {
    denseUntil: number({ default: 0.25, min: 0, max: 1, about: "share of all steps from which on no group is dense" }),
    lambda: decayStrength,
    refresh: refreshEvery(10),
    shape: word(Object.keys(SHAPES) as (keyof typeof SHAPES)[], "how the share of dense groups falls"),
  },
  make: ({ denseUntil, lambda, refresh, shape }) => {
    const denseShare = (step: number, steps: number): number => {
      const end = Math.min(steps - 1, Math.round(denseUntil * steps));
      return step < end ? SHAPES[shape](step / end) : 0;
    };
    return {
      ...(denseUntil > 0 ? { readsHost: "dense groups are chosen by the sums of their magnitudes" } : {}),
      beforeForward: (parameter, { step, steps, training }) => {
        const thresholds = thresholdsOf(parameter);
        if (!thresholds.known && !training) return;
        // an evaluation belongs to the step before
        const share = denseShare(training ? step : Math.max(0, step - 1), steps);
        if (training && (!thresholds.known || step % refresh === 0)) {
          chooseThresholds(parameter, thresholds);
          if (share > 0) chooseDenseGroups(parameter, share);
        }
        const values = multiplied(parameter, thresholds);
        parameter.prune();
        if (share === 0) {
          parameter.repack(values);
          return;
        }
        addDenseGroups(parameter);
        parameter.kernels.applyMask(values, parameter.mask, parameter.rows, parameter.k);
        parameter.multiplyBy(values);
      },
      onGradient: (parameter, clock) => parameter.decayPruned(strengthOf(lambda, clock)),
    };
  },
});

interface Thresholds {
  readonly ofRows: Float32Array;
  /** Thresholds of the kernel positions; null with a single tap. */
  readonly ofTaps: Float32Array | null;
  readonly known: boolean;
}

function thresholdsOf(parameter: SparseParameter): Thresholds {
  return {
    ofRows: parameter.state("thresholds of rows", parameter.rows),
    ofTaps: parameter.taps > 1 ? parameter.state("thresholds of taps", parameter.taps) : null,
    known: parameter.state("known", 1)[0] === 1,
  };
}

/** Chooses the thresholds, above which lie the largest n of m entries of a row, and of a tap of all rows. */
function chooseThresholds(parameter: SparseParameter, { ofRows, ofTaps }: Thresholds): void {
  const { kernels, weight, rows, k, taps, pattern } = parameter;
  const { n, m } = pattern;
  const channels = k / taps;
  const pruned = (count: number): number => (count / m) * (m - n);
  kernels.thresholds(ofRows, weight, rows, 1, k, k, k, pruned(k));
  if (ofTaps !== null) kernels.thresholds(ofTaps, weight, taps, rows, channels, channels, k, pruned(rows * channels));
  parameter.state("known", 1)[0] = 1;
}

function multiplied(parameter: SparseParameter, { ofRows, ofTaps }: Thresholds): Float32Array {
  const { kernels, weight, rows, k, taps } = parameter;
  const values = parameter.scratch("multiplied", weight.length);
  kernels.softAxes(values, weight, ofRows, ofTaps, rows, k, taps, TEMPERATURE);
  return values;
}

/** 1 for each group that is dense; with vectors a group has v rows. */
function denseGroupsOf(parameter: SparseParameter): Float32Array {
  const { rows, k, pattern } = parameter;
  return parameter.state("dense groups", Math.ceil(rows / pattern.v) * (k / pattern.m));
}

function chooseDenseGroups(parameter: SparseParameter, share: number): void {
  const { kernels, weight, rows, k, pattern } = parameter;
  const { m, v } = pattern;
  const dense = denseGroupsOf(parameter);
  const sums = parameter.scratch("sums", dense.length);
  sums.fill(0);
  const inRow = k / m;
  for (let row = 0, at = 0; row < rows; row++) {
    for (let group = 0, to = ((row / v) | 0) * inRow; group < inRow; group++, to++) {
      let sum = sums[to];
      for (let j = 0; j < m; j++) sum += Math.abs(weight[at++]);
      sums[to] = sum;
    }
  }
  const count = Math.floor(share * dense.length);
  if (count === dense.length || count === 0) {
    dense.fill(count === 0 ? 0 : 1);
    return;
  }
  const threshold = parameter.scratch("threshold", 1);
  kernels.thresholds(threshold, sums, 1, 1, sums.length, 0, 0, count);
  for (let i = 0; i < dense.length; i++) dense[i] = sums[i] < threshold[0] ? 1 : 0;
}

/** Adds the dense groups to the mask, which from now on keeps all entries that are not zero. */
function addDenseGroups(parameter: SparseParameter): void {
  const { rows, k, mask, pattern } = parameter;
  const { m, v } = pattern;
  const dense = denseGroupsOf(parameter);
  const inRow = k / m;
  const ones = 2 ** m - 1;
  for (let row = 0; row < rows; row++) {
    const from = row * maskWords(k);
    for (let group = 0, of = ((row / v) | 0) * inRow; group < inRow; group++, of++) {
      if (dense[of] === 0) continue;
      const [word, shift] = [from + ((group * m) >>> 5), (group * m) & 31];
      mask[word] |= ones << shift;
      if (shift + m > 32) mask[word + 1] |= ones >>> (32 - shift);
    }
  }
}
