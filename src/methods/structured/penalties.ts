/**
 * Penalties of weights, each with its (sub-)gradient and its proximal step: L1, L2, group lasso, and sums of them. L1 with
 * a group lasso is the sparse group lasso.
 */
import type { F32 } from "../../kernels/kernels.ts";
import { addByGroup, type GroupStructure, groupNorms, groupSizes, scaleByGroup, type WeightShape } from "./groups.ts";

export interface Penalty {
  readonly name: string;
  value(w: F32): number;
  /** gradient += d value / d w; 0 where a group is 0. */
  addGradient(gradient: F32, w: F32): void;
  /** w = argmin_v |v - w|^2 / 2 + rate * value(v). */
  proximal(w: F32, rate: number): void;
}

/** lambda * sum |w|. */
export function l1(lambda: number): Penalty {
  return {
    name: "l1",
    value: (w) => lambda * w.reduce((sum, x) => sum + Math.abs(x), 0),
    addGradient: (gradient, w) => {
      for (let i = 0; i < w.length; i++) if (w[i] !== 0) gradient[i] += w[i] > 0 ? lambda : -lambda;
    },
    proximal: (w, rate) => {
      const t = rate * lambda;
      for (let i = 0; i < w.length; i++) w[i] = w[i] > t ? w[i] - t : w[i] < -t ? w[i] + t : 0;
    },
  };
}

/** lambda / 2 * sum w^2: weight decay. */
export function l2(lambda: number): Penalty {
  return {
    name: "l2",
    value: (w) => (lambda / 2) * w.reduce((sum, x) => sum + x * x, 0),
    addGradient: (gradient, w) => {
      for (let i = 0; i < w.length; i++) gradient[i] += lambda * w[i];
    },
    proximal: (w, rate) => {
      for (let i = 0; i < w.length; i++) w[i] /= 1 + rate * lambda;
    },
  };
}

export interface GroupLassoOptions {
  /** Multiplies each group's norm by the root of its size, as Yuan and Lin 2006; the SSL of Wen et al. 2016 does not. */
  readonly bySize?: boolean | undefined;
}

/** lambda * the sum over groups of their Euclidean norms. */
export function groupLasso(
  lambda: number,
  structure: GroupStructure,
  shape: WeightShape,
  { bySize = false }: GroupLassoOptions = {},
): Penalty {
  const lambdas = bySize
    ? groupSizes(structure, shape).map((size) => lambda * Math.sqrt(size))
    : new Float64Array(structure.count(shape)).fill(lambda);
  return {
    name: `group lasso of ${structure.name}`,
    value: (w) => groupNorms(structure, w, shape).reduce((sum, norm, g) => sum + lambdas[g] * norm, 0),
    addGradient: (gradient, w) => {
      const norms = groupNorms(structure, w, shape);
      const factors = norms.map((norm, g) => (norm === 0 ? 0 : lambdas[g] / norm));
      addByGroup(structure, gradient, w, factors, shape);
    },
    proximal: (w, rate) => {
      const norms = groupNorms(structure, w, shape);
      const factors = norms.map((norm, g) => (norm === 0 ? 0 : Math.max(0, 1 - (rate * lambdas[g]) / norm)));
      scaleByGroup(structure, w, factors, shape);
    },
  };
}

/**
 * The sum of penalties. Its proximal step is theirs one after another: exact for L1 before groups that do not overlap, and
 * for groups within groups, the inner ones first; an approximation where groups cross, as rows and columns do.
 */
export function sumOf(...penalties: readonly Penalty[]): Penalty {
  return {
    name: penalties.map(({ name }) => name).join(" + "),
    value: (w) => penalties.reduce((sum, { value }) => sum + value(w), 0),
    addGradient: (gradient, w) => {
      for (const { addGradient } of penalties) addGradient(gradient, w);
    },
    proximal: (w, rate) => {
      for (const { proximal } of penalties) proximal(w, rate);
    },
  };
}
