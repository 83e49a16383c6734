import { maskWords } from "../../../backend/families/masks.ts";
import { number } from "../../../options.ts";
import { combinationCount, combinations } from "../../../sparse/combinations.ts";
import { type Pattern, patternName } from "../../../sparse/pattern.ts";
import { defineWeightMethod } from "../define-method.ts";
import type { SparseParameter } from "../method.ts";

/** The most combinations of a group: those of 4:8. */
const MOST = 70;

/**
 * Number of removed combinations that one number of the state holds as bits: whole numbers up to 2^24 are exact in it.
 */
const BITS = 24;

/**
 * Learning best combination: each group begins with all C(M,N) choices, each with a learned score, and the lowest are
 * removed for good until one is left. The mask is the union of those left, so training begins dense. Source: Zhang et
 * al. 2022.
 * A combination's score is const + the sum of s_i over its places, where s_i descends along w_i dL/d(w_i mask_i): the
 * scores begin equal, do not enter the forward product, and gradient descent, with momentum too, is linear. So one
 * number a weight is kept, not C(M,N) / M.
 * Differences: (1) scores have no momentum unless it is asked for, see the page; (2) they descend at the weights' rate,
 * without decay; (3) where no gradient was ever seen, magnitudes decide; (4) removed weights are zero, moments too.
 */
export const lbc = defineWeightMethod({
  name: "lbc",
  title: "LBC",
  about: "removes the lowest scored combinations of a group until one is left; dense arithmetic until then",
  source: "Zhang et al. 2022 (LBC); zyxxmu/LBC",
  section: "ResNet/utils/conv_type.py; imagenet.py, remove_alpha",
  oracle: "src/core/sparsity/methods/weights/lbc.test.ts",
  shows: "compare --methods dense,asp,lbc --pattern 2:4",
  sparse: true,
  options: {
    from: number({ default: 0, min: 0, max: 1, about: "share of all steps before the first combination is removed" }),
    until: number({ default: 0.5, min: 0, max: 1, about: "share of all steps at which one is left" }),
    momentum: number({
      default: 0,
      min: 0,
      max: 0.999,
      about: "of the scores; not 0: a second number a weight is kept",
    }),
  },
  make: ({ from, until, momentum }) => {
    const left = (count: number, step: number, steps: number): number =>
      survivors(count, step, Math.round(from * steps), Math.min(steps - 1, Math.round(until * steps)));
    return {
      readsHost: "combinations are removed by the sums of their scores",
      misfit: (pattern) =>
        combinationCount(pattern.n, pattern.m) > MOST
          ? `${patternName(pattern)} has more than ${MOST} combinations`
          : undefined,
      beforeForward: (parameter, { step, steps, training }) => {
        if (parameter.pruned) {
          parameter.repack();
          return;
        }
        if (!training) return;
        const { n, m } = parameter.pattern;
        const all = combinationCount(n, m);
        const keep = left(all, step, steps);
        if (keep === all) return;
        // there may be no mask: in a phase that begins late, or in a resumed run, because the union is not saved
        if (keep === left(all, step - 1, steps) && parameter.mask[0] !== 0) return;
        if (keep === 1) parameter.pruneBy((mask) => remove(parameter, mask, 1));
        else remove(parameter, parameter.mask, keep);
        // dense products multiply by the weight itself; with moments it would not stay zero
        parameter.maskWeight();
        parameter.forgetPruned();
      },
      onGradient: (parameter, { step, steps, learningRate }) => {
        const { n, m } = parameter.pattern;
        const all = combinationCount(n, m);
        const keep = left(all, step, steps);
        if (keep > 1) learn(parameter, momentum, learningRate);
        if (keep < all) parameter.maskGradient();
      },
    };
  },
});

/** Number of `count` combinations that are left at a step: it falls by the third power, to one in the end. */
export function survivors(count: number, step: number, from: number, until: number): number {
  if (step >= until) return 1;
  if (step <= from) return count;
  return 1 + Math.ceil((count - 1) * (1 - (step - from) / (until - from)) ** 3);
}

function learn(parameter: SparseParameter, momentum: number, rate: number): void {
  const { kernels, weight, gradient } = parameter;
  const { length } = weight;
  const scores = parameter.state("score", length);
  if (momentum === 0) {
    kernels.addProduct(scores, weight, gradient, length, -rate);
    return;
  }
  const velocity = parameter.state("velocity", length);
  kernels.scale(velocity, length, momentum);
  kernels.addProduct(velocity, weight, gradient, length, 1);
  kernels.mix(scores, scores, velocity, length, 1, -rate);
}

const removedWords = ({ n, m }: Pattern): number => Math.ceil(combinationCount(n, m) / BITS);

/** Removes the lowest combinations of each group until `keep` are left, and writes their union to `mask`. */
function remove(parameter: SparseParameter, mask: Uint32Array, keep: number): void {
  const { rows, k, pattern, weight } = parameter;
  const { n, m, v } = pattern;
  const choices = Uint16Array.from(combinations(n, m));
  const words = removedWords(pattern);
  const gone = parameter.state("removed", Math.ceil(rows / v) * (k / m) * words);
  const scores = parameter.state("score", rows * k);
  const places = Uint8Array.from([...choices].flatMap((bits) => [...Array(m).keys()].filter((i) => (bits >>> i) & 1)));
  const all = new Float64Array(choices.length);
  const left = new Uint8Array(choices.length);
  const full = Array.from({ length: words }, (_, i) => 2 ** Math.min(BITS, choices.length - i * BITS) - 1);
  const ofPlaces = new Float64Array(m);
  mask.fill(0);
  for (let first = 0, at = 0; first < rows; first += v) {
    const last = Math.min(rows, first + v);
    for (let column = 0; column < k; column += m, at += words) {
      if (!sumRows(ofPlaces, scores, first, last, k, column)) sumSizes(ofPlaces, weight, first, last, k, column);
      // the combinations that are left, in their order
      let count = 0;
      for (let word = 0; word < words; word++) {
        for (let bits = full[word] & ~gone[at + word]; bits !== 0; bits &= bits - 1) {
          const c = word * BITS + 31 - Math.clz32(bits & -bits);
          let sum = 0;
          for (let i = c * n; i < c * n + n; i++) sum += ofPlaces[places[i]];
          left[count] = c;
          all[count++] = sum;
        }
      }
      for (; count > keep; count--) {
        let lowest = 0;
        for (let i = 1; i < count; i++) if (all[i] <= all[lowest]) lowest = i;
        gone[at + ((left[lowest] / BITS) | 0)] += 2 ** (left[lowest] % BITS);
        for (let i = lowest; i < count - 1; i++) {
          left[i] = left[i + 1];
          all[i] = all[i + 1];
        }
      }
      let union = 0;
      for (let i = 0; i < count; i++) union |= choices[left[i]];
      for (let row = first; row < last; row++) setBits(mask, row * maskWords(k) * 32 + column, union, m);
    }
  }
}

/**
 * Sums a group over its rows and says whether any entry is not 0. Plain loops, as a small model has half a million
 * groups.
 */
function sumRows(sums: Float64Array, x: Float32Array, first: number, last: number, k: number, column: number): boolean {
  sums.fill(0);
  let any = false;
  for (let row = first; row < last; row++) {
    for (let j = 0, at = row * k + column; j < sums.length; j++, at++) {
      sums[j] += x[at];
      any ||= x[at] !== 0;
    }
  }
  return any;
}

function sumSizes(sums: Float64Array, x: Float32Array, first: number, last: number, k: number, column: number): void {
  sums.fill(0);
  for (let row = first; row < last; row++) {
    for (let j = 0; j < sums.length; j++) sums[j] += Math.abs(x[row * k + column + j]);
  }
}

/** Sets `count` bits; a group may lie across two words. */
function setBits(mask: Uint32Array, at: number, bits: number, count: number): void {
  const shift = at & 31;
  mask[at >>> 5] |= bits << shift;
  if (shift + count > 32) mask[(at >>> 5) + 1] |= bits >>> (32 - shift);
}
