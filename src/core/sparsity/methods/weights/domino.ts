import { number, word } from "../../../options.ts";
import type { Pattern } from "../../../sparse/pattern.ts";
import { defineWeightMethod } from "../define-method.ts";
import type { SparseParameter } from "../method.ts";
import { erkDensities } from "../unstructured/budgets.ts";
import { decayStrength, strengthOf } from "./pruned-decay.ts";

/** Share of a layer's groups that must have weights to spare; from the authors' code. */
const VOTES = 0.75;

/** The share of a layer below which no layer lacks sparsity; from the authors' code. */
const LEAST_LACK = 0.01;

/**
 * DominoSearch: gives each layer its own N of the common M, so that all layers together keep no more than the recipe's
 * N:M would. It begins with N = M everywhere. Kept weights are pulled towards zero, and if most groups of a layer have
 * fewer than N weights above their initial thresholds, the layer's N falls by one. When the budget is met, SR-STE
 * follows. The pull is the mean of two shares, as in the authors' code: of what the layer's products still cost, and of
 * what separates its sparsity from that of an Erdos-Renyi network.
 * Source: Sun et al. 2021.
 * Differences: (1) it begins with the first step, theirs with a trained network; (2) the pull acts at every step, theirs
 * at every fifth with ten times the decay; (3) groups vote every `every` steps, theirs every 100; (4) a search that has
 * not met the budget at `until` is ended: the cheapest steps of N, by |w| lost for each entry saved, are taken. Theirs
 * goes on, with twice the decay. (5) SR-STE goes on with the searched weights, theirs with the trained network.
 */
export const domino = defineWeightMethod({
  name: "domino",
  title: "DominoSearch",
  about: "searches an N of the common M for each layer, within the budget of N:M in all; then SR-STE",
  source: "Sun et al. 2021 (DominoSearch); NM-sparsity/DominoSearch",
  section: "section 3.2; find_mix_from_dense_imagenet.py",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "train recipes/fashion-mnist-mlp-domino.json",
  sparse: true,
  options: {
    until: number({ default: 0.25, min: 0, max: 1, about: "share of all steps by which the search has ended" }),
    every: number({
      default: 10,
      min: 1,
      max: 1e6,
      integer: true,
      about: "steps from one vote of the groups to the next",
    }),
    decay: number({ default: 0.01, min: 0, max: 10, about: "pull on what is kept while the search goes on" }),
    lambda: decayStrength,
    budget: word(["parameters", "flops"], "what the layers together keep N of M of"),
  },
  make: ({ until, every, decay, lambda, budget }) => {
    const costOf = ({ rows, k, positions }: SparseParameter): number => rows * k * (budget === "flops" ? positions : 1);
    return {
      readsHost: "groups vote for fewer kept weights by their magnitudes",
      beforeForward: (parameter, { training }) => {
        const search = searchOf(parameter);
        if (!search.begun) {
          if (!training) return;
          begin(parameter);
        }
        const { n, m } = parameter.pattern;
        if (n === m) parameter.multiplyBy(parameter.weight);
        else parameter.prune();
      },
      onGradient: (parameter, clock) => {
        const search = searchOf(parameter);
        if (search.over) {
          parameter.decayPruned(strengthOf(lambda, clock));
          return;
        }
        const { kernels, gradient, weight, pattern } = parameter;
        kernels.mix(gradient, gradient, weight, weight.length, 1, decay * search.pull);
        if (pattern.n < pattern.m) parameter.maskGradient();
      },
      afterStepOfAll: ({ parameters }, { step, steps }) => {
        const searches = parameters.map(searchOf);
        if (searches.some(({ begun, over }) => !begun || over)) return;
        setPulls(parameters);
        const ends = step + 1 >= Math.min(steps - 1, Math.round(until * steps));
        if (!ends && (step + 1) % every !== 0) return;
        const left = (): number =>
          parameters.reduce((sum, parameter, i) => {
            return sum + costOf(parameter) * (allowedFrom(parameter.pattern) - searches[i].asked);
          }, 0);
        for (const parameter of parameters) {
          if (left() > 0 && parameter.pattern.n > 1 && votesForLess(parameter))
            lower(parameter, parameter.pattern.n - 1);
        }
        while (ends && left() > 0) {
          const cheapest = parameters
            .filter(({ pattern }) => allowedFrom(pattern) > 1)
            .map((parameter) => ({ parameter, price: lossOfNext(parameter) / costOf(parameter) }))
            .reduce((best, one) => (one.price < best.price ? one : best));
          lower(cheapest.parameter, below(cheapest.parameter.pattern));
        }
        if (left() > 0) return;
        for (const parameter of parameters) {
          lower(parameter, allowedFrom(parameter.pattern));
          searchOf(parameter).over = true;
        }
      },
    };
  },
});

/** The state of a layer's search, as numbers. */
class Search {
  readonly #numbers: Float32Array;

  constructor(numbers: Float32Array) {
    this.#numbers = numbers;
  }

  /** The N of the recipe. */
  get asked(): number {
    return this.#numbers[0];
  }

  set asked(n: number) {
    this.#numbers[0] = n;
  }

  get begun(): boolean {
    return this.asked > 0;
  }

  get over(): boolean {
    return this.#numbers[1] === 1;
  }

  set over(over: boolean) {
    this.#numbers[1] = Number(over);
  }

  /** How strongly the layer is pulled beside the others, -0.5 to 1; 0 in the first step. */
  get pull(): number {
    return this.#numbers[2];
  }

  set pull(share: number) {
    this.#numbers[2] = share;
  }
}

function searchOf(parameter: SparseParameter): Search {
  return new Search(parameter.state("search", 3));
}

/**
 * Sets the pulls: half of what the layer's products cost now, as a share of the most that one costs, and half of the
 * sparsity that it lacks, as a share of the most that one lacks or has too much of. It lacks what an Erdos-Renyi network
 * of the budget's sparsity has more; where no layer lacks a hundredth, this half is 0.
 */
function setPulls(parameters: readonly SparseParameter[]): void {
  const searches = parameters.map(searchOf);
  const kept = parameters.map(({ pattern }) => allowedFrom(pattern) / pattern.m);
  const costs = parameters.map(({ rows, k, positions }, i) => rows * k * positions * kept[i]);
  const densities = erkDensities(parameters.map(shaped), searches[0].asked / parameters[0].pattern.m);
  const lacking = kept.map((share, i) => share - densities[i]);
  const [mostCost, mostLacking] = [Math.max(...costs), Math.max(...lacking.map(Math.abs))];
  const isFar = Math.max(...lacking) >= LEAST_LACK;
  searches.forEach((search, i) => {
    search.pull = costs[i] / mostCost / 2 + (isFar ? lacking[i] / mostLacking / 2 : 0);
  });
}

/** The shape that counts in an Erdos-Renyi-Kernel network; windows are taken as square. */
function shaped({ rows, k, taps }: SparseParameter): { readonly shape: readonly number[] } {
  const side = Math.sqrt(taps);
  return { shape: taps === 1 ? [rows, k] : [rows, k / taps, side, side] };
}

function lower(parameter: SparseParameter, n: number): void {
  parameter.changePattern({ ...parameter.pattern, n });
}

/** The N that a layer ends with if its search stops now: the next power of two, or M for dense. */
function allowedFrom({ n, m }: Pattern): number {
  return Math.min(m, 2 ** Math.ceil(Math.log2(n)));
}

/** The next smaller N that a layer may end with. */
function below(pattern: Pattern): number {
  return 2 ** (Math.ceil(Math.log2(allowedFrom(pattern))) - 1);
}

/** Visits the magnitudes of each group; with vectors, their sums over the rows. The array is reused. */
function eachGroup(
  { weight, rows, k, pattern }: SparseParameter,
  visit: (sizes: Float32Array, group: number) => void,
): void {
  const { m, v } = pattern;
  const sizes = new Float32Array(m);
  for (let first = 0, group = 0; first < rows; first += v) {
    for (let column = 0; column < k; column += m, group++) {
      sizes.fill(0);
      for (let row = first; row < Math.min(rows, first + v); row++) {
        for (let j = 0; j < m; j++) sizes[j] += Math.abs(weight[row * k + column + j]);
      }
      visit(sizes, group);
    }
  }
}

function groupsOf({ rows, k, pattern: { m, v } }: SparseParameter): number {
  return Math.ceil(rows / v) * (k / m);
}

/** Sets a threshold for each group: the mean of the smaller half of its magnitudes. */
function begin(parameter: SparseParameter): void {
  const { pattern } = parameter;
  const half = pattern.m >> 1;
  const thresholds = parameter.state("thresholds", groupsOf(parameter));
  eachGroup(parameter, (sizes, group) => {
    sizes.sort();
    let sum = 0;
    for (let i = 0; i < half; i++) sum += sizes[i];
    thresholds[group] = sum / half;
  });
  searchOf(parameter).asked = pattern.n;
  lower(parameter, pattern.m);
}

function votesForLess(parameter: SparseParameter): boolean {
  const groups = groupsOf(parameter);
  const thresholds = parameter.state("thresholds", groups);
  const { n } = parameter.pattern;
  let votes = 0;
  eachGroup(parameter, (sizes, group) => {
    let above = 0;
    for (let j = 0; j < sizes.length; j++) above += sizes[j] > thresholds[group] ? 1 : 0;
    votes += above < n ? 1 : 0;
  });
  return votes >= VOTES * groups;
}

/** The sum of |w| that the next smaller N would prune, for each entry of a group that it saves. */
function lossOfNext(parameter: SparseParameter): number {
  const [now, next] = [allowedFrom(parameter.pattern), below(parameter.pattern)];
  const { m } = parameter.pattern;
  let lost = 0;
  eachGroup(parameter, (sizes) => {
    sizes.sort();
    for (let i = m - now; i < m - next; i++) lost += sizes[i];
  });
  return lost / (now - next);
}
