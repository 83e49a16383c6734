/**
 * Methods written out once more, from their sources, in plain loops and double precision: a whole network with its loss,
 * gradients and optimizer. Nothing of the library is used but the first weights and the inputs.
 */
import { describe, expect, test } from "vitest";
import { Training } from "../../../../../test/training.ts";
import { adamW } from "../../../optim/adamw.ts";
import { sgd } from "../../../optim/sgd.ts";
import type { Transform } from "../../../optim/transform.ts";
import type { WeightMethodFactory } from "../define-method.ts";
import { asp } from "./asp.ts";
import { ast } from "./ast.ts";
import { domino } from "./domino.ts";
import { maskDecay } from "./mask-decay.ts";
import { maxq } from "./maxq.ts";
import { sSte } from "./s-ste.ts";
import { srSte } from "./sr-ste.ts";
import { ste } from "./ste.ts";
import { structureDecay } from "./structure-decay.ts";
import { transposable } from "./transposable.ts";

const STEPS = 24;
const WIDTHS = [16, 32, 4];
const [INPUTS, HIDDEN, CLASSES] = WIDTHS;
const BATCH = 8;
const RATE = 0.01;

/** What a method does around a step t, counted from 0, to the first layer's weight w. */
interface Rule {
  /** The values that the forward product multiplies by. */
  used(w: readonly number[], t: number): number[];
  /** Changes the gradient by `used`, which the optimizer gets as that of w. */
  onGradient?(g: number[], w: number[], t: number): void;
  /** Changes w after the optimizer's step. */
  afterStep?(w: number[], t: number): void;
}

/** Flags of the n largest of each m neighbors; of equal ones the lower index. */
function largest(w: readonly number[], n: number, m: number): number[] {
  const flags = w.map(() => 0);
  for (let group = 0; group < w.length; group += m) {
    const places = Array.from({ length: m }, (_, i) => group + i);
    places.sort((a, b) => Math.abs(w[b]) - Math.abs(w[a]) || a - b);
    for (const place of places.slice(0, n)) flags[place] = 1;
  }
  return flags;
}

const times = (w: readonly number[], factors: readonly number[]): number[] => w.map((value, i) => value * factors[i]);

/** Zhou et al. 2021: the gradient is that of E w, plus lambda (1 - E) w. Bengio et al. 2013: lambda is 0. */
function straightThrough(lambda: number): Rule {
  let mask: number[] = [];
  return {
    used: (w) => {
      mask = largest(w, 2, 4);
      return times(w, mask);
    },
    onGradient: (g, w) => {
      for (let i = 0; i < g.length; i++) g[i] += lambda * (1 - mask[i]) * w[i];
    },
  };
}

/** The decay beside the optimizer, with a strength that rises: w loses rate lambda(t) (1 - E) w before the step. */
function decoupled(lambda: (t: number) => number): Rule {
  let mask: number[] = [];
  return {
    used: (w) => {
      mask = largest(w, 2, 4);
      return times(w, mask);
    },
    onGradient: (_, w, t) => {
      for (let i = 0; i < w.length; i++) w[i] -= RATE * lambda(t) * (1 - mask[i]) * w[i];
    },
  };
}

/** Hu et al. 2024, 2by4-pretrain: of four the second smallest |w| is the threshold; beta at the first forward, then kept. */
function soft(): Rule {
  let beta: number | undefined;
  return {
    used: (w) => {
      const moved = w.map((value, i) => {
        const group = w.slice(i - (i % 4), i - (i % 4) + 4).map(Math.abs);
        const [, threshold] = group.sort((a, b) => a - b);
        return Math.sign(value) * Math.max(0, Math.abs(value) - threshold);
      });
      const dot = (a: readonly number[], b: readonly number[]): number => times(a, b).reduce((x, y) => x + y);
      beta ??= dot(w, moved) / dot(moved, moved);
      return moved.map((value) => beta! * value);
    },
  };
}

/** Apex: dense, pruned once at step `at`, then the gradient is masked before the step and the weight after it. */
function once(at: number): Rule {
  let mask: number[] | undefined;
  return {
    used: (w, t) => {
      if (t === at) mask = largest(w, 2, 4);
      return mask === undefined ? [...w] : times(w, mask);
    },
    onGradient: (g, w) => {
      for (let i = 0; i < g.length; i++) {
        g[i] *= mask?.[i] ?? 1;
        w[i] *= mask?.[i] ?? 1;
      }
    },
    afterStep: (w) => {
      for (let i = 0; i < w.length; i++) w[i] *= mask?.[i] ?? 1;
    },
  };
}

/** Bambhaniya et al. 2024, LinearDecay and ExponentialDecay: w (E + (1 - E) d(t)), straight through. */
function fading(d: (t: number) => number): Rule {
  return {
    used: (w, t) =>
      times(
        w,
        largest(w, 2, 4).map((kept) => kept + (1 - kept) * d(t)),
      ),
  };
}

/** Bambhaniya et al. 2024, get_decay_config: frames of equal length, the last of which goes on. */
function frames(kept: readonly number[], from: number, length: number): Rule {
  return {
    used: (w, t) => {
      if (t < from) return [...w];
      const frame = Math.min(kept.length - 1, Math.floor((t - from) / length));
      return times(w, largest(w, kept[frame], 8));
    },
  };
}

/** Xiang et al. 2024, MaxQConv2dBNV2Pro.get_mask of a layer with one tap; `dense` groups are those of the least sums. */
function multiAxis(denseShare: (t: number) => number, lambda: number): Rule {
  let local: number[] = [];
  return {
    used: (w, t) => {
      local = largest(w, 2, 4);
      const sums = Array.from({ length: w.length / 4 }, (_, group) => ({
        group,
        sum: w.slice(4 * group, 4 * group + 4).reduce((all, value) => all + Math.abs(value), 0),
      }));
      sums.sort((a, b) => a.sum - b.sum);
      for (const { group } of sums.slice(0, Math.floor(denseShare(t) * sums.length)))
        local.fill(1, 4 * group, 4 * group + 4);
      return w.map((value, i) => {
        const first = i - (i % INPUTS);
        const row = w
          .slice(first, first + INPUTS)
          .map(Math.abs)
          .sort((a, b) => a - b);
        const index = INPUTS / 2;
        const threshold = (row[index - 1] + row[index]) / 2;
        const size = Math.abs(value);
        const filter = size > threshold ? 1 / (1 + Math.exp(-(size - threshold) / 0.01)) : 0;
        return value * local[i] * (1 + filter);
      });
    },
    onGradient: (g, w) => {
      for (let i = 0; i < g.length; i++) g[i] += lambda * (1 - local[i]) * w[i];
    },
  };
}

/** Hu et al. 2024: of the 90 masks of a 4 x 4 block with two of each row and column, that with the largest sum of |w|. */
function best90(every: number, lambda: number): Rule {
  const rows = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100];
  const choices = rows.flatMap((a) => rows.flatMap((b) => rows.flatMap((c) => rows.map((d) => [a, b, c, d]))));
  const patterns = choices.filter((four) =>
    [0, 1, 2, 3].every((j) => four.filter((row) => (row >> j) & 1).length === 2),
  );
  expect(patterns).toHaveLength(90);
  let mask: number[] = [];
  return {
    used: (w, t) => {
      if (t % every === 0) {
        mask = w.map(() => 0);
        for (let row = 0; row < HIDDEN; row += 4) {
          for (let column = 0; column < INPUTS; column += 4) {
            const places = Array.from({ length: 16 }, (_, i) => (row + (i >> 2)) * INPUTS + column + (i & 3));
            const sumOf = (four: number[]): number =>
              places.reduce((sum, at, i) => sum + ((four[i >> 2] >> (i & 3)) & 1) * Math.abs(w[at]), 0);
            const pattern = patterns.reduce((most, one) => (sumOf(one) > sumOf(most) ? one : most));
            for (const [i, at] of places.entries()) mask[at] = (pattern[i >> 2] >> (i & 3)) & 1;
          }
        }
      }
      return times(w, mask);
    },
    onGradient: (g, w) => {
      for (let i = 0; i < g.length; i++) g[i] += lambda * (1 - mask[i]) * w[i];
    },
  };
}

/** The rules of the sparse layers, and what is done with their weights together after a step. */
interface Rules {
  readonly of: readonly Rule[];
  after?(weights: readonly number[][], t: number): void;
}

/**
 * Sun et al. 2021, find_mix_from_dense_imagenet.py and Sparse_find_mix_from_dense, for layers of these widths; the pull
 * acts at every step, votes are every `every` steps, and no search is cut short.
 */
function search(widths: readonly number[], n: number, m: number, every: number, decay: number, lambda: number): Rules {
  const sizes = widths.slice(1, -1).map((width, i) => width * widths[i]);
  const all = sizes.reduce((a, b) => a + b);
  // ERK: the density of a layer goes as (inputs + outputs) / (inputs * outputs); layers above 1 are dense
  const raw = sizes.map((size, i) => (widths[i] + widths[i + 1]) / size);
  const full = new Set<number>();
  let scale = 0;
  for (;;) {
    let [rest, divisor] = [0, 0];
    sizes.forEach((size, i) => {
      rest += full.has(i) ? -(1 - n / m) * size : (n / m) * size;
      if (!full.has(i)) divisor += raw[i] * size;
    });
    scale = rest / divisor;
    const highest = Math.max(...raw.filter((__, i) => !full.has(i)));
    if (highest * scale <= 1) break;
    raw.forEach((one, i) => void (one === highest && full.add(i)));
  }
  const target = raw.map((one, i) => (full.has(i) ? 0 : 1 - scale * one));
  // N_intermediate and N of the code
  let between = sizes.map(() => m);
  const accepted = sizes.map(() => m);
  const thresholds: number[][] = sizes.map(() => []);
  let pulls = sizes.map(() => 0);
  let over = false;
  const setPulls = (): void => {
    const costs = sizes.map((size, i) => (size * accepted[i]) / m);
    const lacking = target.map((sparsity, i) => sparsity - (1 - accepted[i] / m));
    const [cost, lack] = [Math.max(...costs), Math.max(...lacking.map(Math.abs))];
    const none = Math.max(...lacking) < 0.01;
    pulls = costs.map((one, i) => 0.5 * (one / cost) + 0.5 * (none ? 0 : lacking[i] / lack));
  };
  const groups = (w: readonly number[]): number[][] =>
    Array.from({ length: w.length / m }, (_, g) => w.slice(g * m, g * m + m).map(Math.abs));
  return {
    of: sizes.map((_, i) => {
      let mask: number[] = [];
      return {
        used: (w) => {
          if (thresholds[i].length === 0) {
            const lower = (group: number[]): number[] => group.sort((a, b) => a - b).slice(0, m / 2);
            thresholds[i] = groups(w).map((group) => lower(group).reduce((a, b) => a + b) / (m / 2));
          }
          mask = largest(w, between[i], m);
          return times(w, mask);
        },
        onGradient: (g, w) => {
          for (let at = 0; at < g.length; at++) {
            if (over) g[at] += lambda * (1 - mask[at]) * w[at];
            else g[at] = mask[at] * (g[at] + decay * pulls[i] * w[at]);
          }
        },
      };
    }),
    after: (weights, t) => {
      if (over) return;
      setPulls();
      if ((t + 1) % every !== 0) return;
      for (let i = 0; i < sizes.length && !over; i++) {
        if (accepted[i] === 1) continue;
        const own = groups(weights[i]);
        const fewer = own.filter((group, g) => group.filter((size) => size > thresholds[i][g]).length < between[i]);
        if (fewer.length / own.length < 0.75) continue;
        between[i]--;
        if (!Number.isInteger(Math.log2(between[i]))) continue;
        accepted[i] = between[i];
        const kept = sizes.reduce((sum, size, l) => sum + (size * accepted[l]) / m, 0);
        over = kept <= (all * n) / m;
      }
      if (over) between = [...accepted];
    },
  };
}

type Step = (w: number[], g: readonly number[], t: number) => void;

/** The optimizers, written out: each call makes the state of one parameter. */
const momentum = (): Step => {
  const velocity: number[] = [];
  return (w, g) => {
    for (let i = 0; i < w.length; i++) {
      velocity[i] = 0.9 * (velocity[i] ?? 0) + g[i];
      w[i] -= RATE * velocity[i];
    }
  };
};
const adam = (): Step => {
  const [m, v]: number[][] = [[], []];
  return (w, g, t) => {
    for (let i = 0; i < w.length; i++) {
      m[i] = 0.9 * (m[i] ?? 0) + 0.1 * g[i];
      v[i] = 0.999 * (v[i] ?? 0) + 0.001 * g[i] ** 2;
      const [mean, square] = [m[i] / (1 - 0.9 ** (t + 1)), v[i] / (1 - 0.999 ** (t + 1))];
      w[i] -= RATE * (mean / (Math.sqrt(square) + 1e-8) + 0.1 * w[i]);
    }
  };
};

interface Layer {
  readonly w: number[];
  readonly b: number[];
  readonly inputs: number;
  readonly rule: Rule | undefined;
  readonly step: readonly [Step, Step];
}

/** Linear layers with ReLU between them; mean cross-entropy of rows of x with labels i mod 4. */
class Network {
  readonly #x: readonly number[];
  readonly layers: readonly Layer[];
  readonly #rules: Rules;

  constructor({ model, x }: Training, widths: readonly number[], rules: Rules, optimizer: () => Step) {
    const parameters = model.namedParameters();
    const of = (name: string): number[] => Array.from(parameters.get(name)!.data);
    this.#x = x;
    this.#rules = rules;
    this.layers = widths.slice(1).map((_, i) => ({
      ...{ w: of(`fc${i + 1}.weight`), b: of(`fc${i + 1}.bias`), inputs: widths[i] },
      // the last layer stays dense
      ...{ rule: i < widths.length - 2 ? rules.of[i] : undefined, step: [optimizer(), optimizer()] },
    }));
  }

  /** One step; the loss before it. */
  step(t: number): number {
    const used = this.layers.map(({ rule, w }) => rule?.used(w, t) ?? w);
    const gradients = this.layers.map(({ w, b }) => ({ w: w.map(() => 0), b: b.map(() => 0) }));
    const inputs = this.layers[0].inputs;
    let loss = 0;
    for (let row = 0; row < BATCH; row++) {
      // what goes into each layer, and the sums that come out of the last one
      const into = [this.#x.slice(row * inputs, (row + 1) * inputs)];
      this.layers.forEach(({ b, inputs: k }, l) => {
        const sums = b.map((bias, o) => into[l].reduce((sum, value, i) => sum + value * used[l][o * k + i], bias));
        into.push(l === this.layers.length - 1 ? sums : sums.map((sum) => Math.max(0, sum)));
      });
      const logits = into.pop()!;
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      loss += (Math.log(total) - logits[row % CLASSES]) / BATCH;
      let d = logits.map((logit, o) => (Math.exp(logit) / total - Number(o === row % CLASSES)) / BATCH);
      for (let l = this.layers.length - 1; l >= 0; l--) {
        const k = this.layers[l].inputs;
        const below = into[l].map(() => 0);
        d.forEach((value, o) => {
          gradients[l].b[o] += value;
          for (let i = 0; i < k; i++) {
            gradients[l].w[o * k + i] += value * into[l][i];
            below[i] += value * used[l][o * k + i];
          }
        });
        d = below.map((value, i) => (into[l][i] > 0 ? value : 0));
      }
    }
    this.layers.forEach(({ w, b, rule, step }, l) => {
      rule?.onGradient?.(gradients[l].w, w, t);
      step[0](w, gradients[l].w, t);
      step[1](b, gradients[l].b, t);
      rule?.afterStep?.(w, t);
    });
    this.#rules.after?.(
      this.layers.map(({ w }) => w),
      t,
    );
    return loss;
  }
}

interface Case {
  readonly factory: WeightMethodFactory;
  readonly rule: () => Rule | Rules;
  readonly pattern?: string;
  readonly widths?: readonly number[];
  readonly numbers?: Record<string, number>;
  readonly words?: Record<string, string>;
}

/** For methods that divide a budget among layers. */
const DEEP = [16, 64, 8, 4];
// 24 steps: dense to step 6, then 12 steps that fade or have frames
const shares = { decayFrom: 0.25, decayUntil: 0.75 };
const done = (t: number): number => Math.min(1, Math.max(0, (t - 6) / 12));
const cases: Readonly<Record<string, Case>> = {
  ste: { factory: ste, rule: () => straightThrough(0) },
  "sr-ste": { factory: srSte, rule: () => straightThrough(0.05), numbers: { lambda: 0.05 } },
  "sr-ste, decoupled": {
    factory: srSte,
    rule: () => decoupled(() => 0.5),
    numbers: { lambda: 0.5 },
    words: { form: "decoupled" },
  },
  ast: { factory: ast, rule: () => decoupled((t) => 5 * Math.min(1, t / 12)), numbers: { lambda: 5, rise: 0.5 } },
  "s-ste": { factory: sSte, rule: soft },
  asp: { factory: asp, rule: () => once(12) },
  "mask-decay, linear": { factory: maskDecay, rule: () => fading((t) => 1 - done(t)), numbers: shares },
  "mask-decay, exponential": {
    factory: maskDecay,
    rule: () => fading((t) => (t < 18 ? 0.01 ** done(t) : 0)),
    numbers: shares,
    words: { decay: "exponential" },
  },
  "structure-decay": {
    factory: structureDecay,
    rule: () => frames([7, 4, 2, 1], 6, 3),
    pattern: "1:8",
    numbers: shares,
  },
  maxq: {
    factory: maxq,
    rule: () => multiAxis((t) => Math.max(0, 1 - t / 12), 0.05),
    numbers: { denseUntil: 0.5, lambda: 0.05, refresh: 1 },
  },
  domino: {
    factory: domino,
    rule: () => search(DEEP, 2, 8, 1, 3, 0.05),
    pattern: "2:8",
    widths: DEEP,
    numbers: { every: 1, decay: 3, lambda: 0.05, until: 1 },
  },
  transposable: { factory: transposable, rule: () => best90(5, 0.05), numbers: { lambda: 0.05, refresh: 5 } },
};

const optimizers: Readonly<Record<string, readonly [() => Transform, () => Step]>> = {
  "sgd with momentum": [() => sgd({ learningRate: RATE, momentum: 0.9 }), momentum],
  adamw: [() => adamW({ learningRate: RATE, weightDecay: 0.1 }), adam],
};

describe.each(Object.entries(optimizers))(
  "with %s every weight after every step is the one written out",
  (_, [transform, step]) => {
    test.each(Object.entries(cases))("%s", (__, { factory, rule, ...setting }) => {
      const run = new Training(factory, { steps: STEPS, optimizer: transform(), ...setting });
      const rules = rule();
      const oracle = new Network(run, setting.widths ?? WIDTHS, "of" in rules ? rules : { of: [rules] }, step);
      for (let t = 0; t < STEPS; t++) {
        expect(Math.abs(run.step() - oracle.step(t)), `loss of step ${t}`).toBeLessThan(1e-5);
        oracle.layers.forEach(({ w }, l) => {
          const { data } = run.model.namedParameters().get(`fc${l + 1}.weight`)!;
          const furthest = w.reduce((most, value, i) => Math.max(most, Math.abs(data[i] - value)), 0);
          expect(furthest, `layer ${l}, after step ${t}`).toBeLessThan(2e-6 * (t + 1));
        });
      }
    });
  },
);
