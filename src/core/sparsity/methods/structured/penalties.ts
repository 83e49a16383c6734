/**
 * Penalties on weights, each with its (sub-)gradient and its proximal step: L1, L2, group lasso, and sums of them. L1
 * with a group lasso is the sparse group lasso.
 */

import type { Kernels } from "../../../backend/kernels.ts";
import type { F32 } from "../../../backend/memory.ts";
import { checkFlags, checkNumbers, requireOptions } from "../../../options.ts";
import { type GroupStructure, groupCount, groupSizes, type WeightShape } from "./groups.ts";

export interface Penalty {
  readonly name: string;
  value(w: F32): number;
  /** Adds d value / d w to the gradient; it is 0 for a group that is 0. */
  addGradient(gradient: F32, w: F32): void;
  /** Sets w to argmin_v |v - w|^2 / 2 + rate * value(v). */
  proximal(w: F32, rate: number): void;
  /** Sets small entries to zero. It is given if not w itself is compared with `least`. */
  threshold?(w: F32, least: number): void;
  /** Arrays that the penalty keeps from step to step, by name; they are saved with a checkpoint. */
  readonly state?: Readonly<Record<string, F32>>;
  /** Given if the groups are rows or columns: sumOf joins a penalty of rows and one of columns. */
  readonly crossing?: Crossing;
}

/** The lambdas of rows and of columns of one matrix. */
interface Crossing {
  readonly kernels: Kernels;
  readonly shape: WeightShape;
  readonly rows: Float64Array | null;
  readonly columns: Float64Array | null;
  readonly choices: readonly Choice[];
}

/** The penalty lambda * sum |w|. */
export function l1(kernels: Kernels, lambda: number): Penalty {
  checkNumbers("l1", { lambda }, { min: 0 });
  return {
    name: "l1",
    value: (w) => lambda * w.reduce((sum, x) => sum + Math.abs(x), 0),
    addGradient: (gradient, w) => kernels.addSigns(gradient, w, w.length, lambda),
    proximal: (w, rate) => kernels.shrink(w, w.length, rate * lambda, 0),
  };
}

/** The penalty lambda / 2 * sum w^2, which is weight decay. */
export function l2(kernels: Kernels, lambda: number): Penalty {
  checkNumbers("l2", { lambda }, { min: 0 });
  return {
    name: "l2",
    value: (w) => (lambda / 2) * w.reduce((sum, x) => sum + x * x, 0),
    addGradient: (gradient, w) => kernels.mix(gradient, gradient, w, w.length, 1, lambda),
    proximal: (w, rate) => kernels.scale(w, w.length, 1 / (1 + rate * lambda)),
  };
}

export interface GroupLassoOptions {
  /**
   * Whether to multiply each group's norm by the root of its size, as in Yuan and Lin 2006; the SSL of Wen et al. 2016
   * does not. Default false.
   */
  readonly bySize?: boolean | undefined;
  /**
   * Share of the groups that is penalized, at least one group: those with the smallest root mean squares at the first
   * use. So groups that are to go are chosen, and the others are not made smaller. Default 1. After growing
   * regularization (Wang et al. 2021, unconfirmed), whose lambda rises.
   */
  readonly smallest?: number | undefined;
  /** If given, the share is taken of the groups of several weights together. */
  readonly among?: Among | undefined;
}

/** A weight among others whose groups are chosen together. */
export interface Among {
  readonly weight: { readonly data: F32 };
  /** One list for all of these weights, to which each penalty adds itself. */
  readonly rivals: Rival[];
}

interface Rival {
  readonly state: F32;
  /** The present norms of its groups. */
  norms(): Float64Array;
  readonly sizes: Float64Array;
}

/**
 * The strength of a group lasso. With `within`, each group and step has its own lambda, which takes the group's norm
 * down along a line: from its value when the group is chosen to zero when the rates of proximal steps add up to
 * `within`. No gradient can hold up a group then. It is used together with `smallest`.
 */
export type Lambda = number | { readonly within: number };

/** Throws unless these are valid options of a group lasso. */
export function checkLasso(where: string, lambda: Lambda, options: GroupLassoOptions): void {
  requireOptions(where, options, { bySize: true, smallest: true, among: true });
  const { bySize = false, smallest = 1 } = options;
  checkNumbers(where, typeof lambda === "object" ? { "lambda.within": lambda.within } : { lambda }, { min: 0 });
  checkNumbers(where, { smallest }, { above: 0, max: 1 });
  checkFlags(where, { bySize });
}

/** The penalty lambda * the sum over groups of their Euclidean norms. */
export function groupLasso(
  kernels: Kernels,
  lambda: Lambda,
  structure: GroupStructure,
  shape: WeightShape,
  options: GroupLassoOptions = {},
): Penalty {
  checkLasso("groupLasso", lambda, options);
  const { bySize = false, smallest = 1, among } = options;
  const { rows, columns, tall, wide } = structure.tiles(shape);
  const count = groupCount(structure, shape);
  const norms = kernels.float64(count);
  const lambdas = kernels.float64(count).fill(typeof lambda === "number" ? lambda : 0);
  for (const [g, size] of bySize ? groupSizes(structure, shape).entries() : []) lambdas[g] *= Math.sqrt(size);
  const name = `group lasso of ${structure.name}`;
  const groups = { structure, shape, lambdas };
  const choices = choiceOf(kernels, groups, lambda, { smallest, among }, (w) => {
    kernels.tileNorms(norms, w, rows, columns, tall, wide);
    return norms;
  });
  const before = (w: F32, rate?: number): void => {
    for (const one of choices) one.before(w, rate);
  };
  if (rows === shape.rows && tall === 1 && wide === columns)
    return crossed(name, { kernels, shape, rows: lambdas, columns: null, choices });
  if (rows === shape.rows && tall === rows && wide === 1)
    return crossed(name, { kernels, shape, rows: null, columns: lambdas, choices });
  const factors = kernels.float32(count);
  /** A factor for each group from its norm; 0 for a group that is 0. */
  const factorsOf = (w: F32, of: (norm: number, lambda: number) => number, rate?: number): F32 => {
    before(w, rate);
    kernels.tileNorms(norms, w, rows, columns, tall, wide);
    for (let g = 0; g < count; g++) factors[g] = norms[g] === 0 ? 0 : of(norms[g], lambdas[g]);
    return factors;
  };
  return {
    name,
    state: stateOf(choices),
    value: (w) => {
      before(w);
      kernels.tileNorms(norms, w, rows, columns, tall, wide);
      return norms.reduce((sum, norm, g) => sum + lambdas[g] * norm, 0);
    },
    addGradient: (gradient, w) => {
      kernels.addTiles(
        gradient,
        ...([w, factorsOf(w, (norm, lambda) => lambda / norm), rows, columns, tall, wide] as const),
      );
    },
    proximal: (w, rate) => {
      const kept = factorsOf(w, (norm, lambda) => Math.max(0, 1 - (rate * lambda) / norm), rate);
      kernels.scaleTiles(w, kept, rows, columns, tall, wide);
    },
  };
}

/** The choice of the groups that a penalty acts on. */
export interface Choice {
  readonly state: Readonly<Record<string, F32>>;
  /** Called before each use; before a proximal step with its rate. */
  before(w: F32, rate?: number): void;
}

const stateOf = (choices: readonly Choice[]): Record<string, F32> =>
  Object.assign({}, ...choices.map(({ state }) => state));

/** The groups of a weight. */
interface Groups {
  readonly structure: GroupStructure;
  readonly shape: WeightShape;
  readonly lambdas: Float64Array;
}

/**
 * Returns no choice, or one. At its first use, or that of the first of its rivals, a choice sets the lambdas of all but
 * the smallest groups to 0; at each use it sets the lambdas of groups that follow a line. `steepness` is how far a step
 * with rate and lambda 1 takes a group.
 */
export function choiceOf(
  kernels: Kernels,
  { structure, shape, lambdas }: Groups,
  lambda: Lambda,
  { smallest = 1, among }: GroupLassoOptions,
  normsOf: (w: F32) => Float64Array,
  steepness: (w: F32) => ArrayLike<number> = () => lambdas.map(() => 1),
): Choice[] {
  const follows = typeof lambda !== "number";
  if (smallest === 1 && !follows) return [];
  const count = lambdas.length;
  // for each group its norm when it was chosen, -1 if it was not; whether groups are chosen yet; the sum of rates since
  const state = kernels.float32(count + 2);
  const rivalOf = (norms: Rival["norms"]): Rival => ({ state, norms, sizes: groupSizes(structure, shape) });
  among?.rivals.push(rivalOf(() => normsOf(among.weight.data)));
  const before = (w: F32, rate?: number): void => {
    if (state[count] === 0) choose(smallest, among?.rivals ?? [rivalOf(() => normsOf(w))]);
    for (let g = 0; g < count; g++) if (state[g] < 0) lambdas[g] = 0;
    if (!follows || rate === undefined) return;
    state[count + 1] += rate;
    const left = 1 - state[count + 1] / lambda.within;
    const [norms, steps] = [normsOf(w), steepness(w)];
    for (let g = 0; g < count; g++) {
      if (state[g] < 0) continue;
      // twice the norm if nothing is to be left: with a rounded norm something could be left
      const excess = left > ROUNDED ? Math.max(0, norms[g] - left * state[g]) : 2 * norms[g];
      lambdas[g] = steps[g] === 0 ? 0 : excess / (rate * steps[g]);
    }
  };
  return [{ state: { [`smallest ${structure.name}`]: state }, before }];
}

/**
 * Chooses the smallest groups of all rivals at once; the first rival to ask finds them as they were before any step.
 */
function choose(smallest: number, rivals: readonly Rival[]): void {
  const groups = rivals.flatMap(({ state, norms, sizes }) =>
    [...norms()].map((norm, g) => ({ state, g, norm, mean: norm / Math.sqrt(sizes[g]) })),
  );
  groups.sort((a, b) => a.mean - b.mean);
  const chosen = Math.max(1, Math.round(smallest * groups.length));
  for (const [i, { state, g, norm }] of groups.entries()) state[g] = i < chosen ? norm : -1;
  for (const { state } of rivals) state[state.length - 2] = 1;
}

/** The share of a line that may be due to rounding of the sum of rates. */
const ROUNDED = 1e-4;

/**
 * A penalty of rows, columns or both, with one pass for their norms and one that acts. The proximal step takes rows,
 * then columns.
 */
function crossed(name: string, crossing: Crossing): Penalty {
  const { kernels, shape, rows, columns, choices } = crossing;
  const before = (w: F32, rate?: number): void => {
    for (const one of choices) one.before(w, rate);
  };
  const [height, width] = [shape.rows, shape.taps * shape.channels];
  const ofRows = rows && kernels.float32(height);
  const ofColumns = columns && kernels.float32(width);
  const [rowNorms, columnNorms] = [kernels.float64(height), kernels.float64(width)];
  const factorsOf = (w: F32, rate: number, proximal: number): void => {
    before(w, proximal === 1 ? rate : undefined);
    kernels.crossFactors(ofRows, ofColumns, w, rows, columns, height, width, rate, proximal);
  };
  const weighed = (lambdas: Float64Array, norms: Float64Array): number =>
    lambdas.reduce((sum, lambda, g) => sum + lambda * norms[g], 0);
  return {
    name,
    crossing,
    state: stateOf(choices),
    value: (w) => {
      before(w);
      kernels.tileNorms(rowNorms, w, height, width, 1, width);
      kernels.tileNorms(columnNorms, w, height, width, height, 1);
      return (rows === null ? 0 : weighed(rows, rowNorms)) + (columns === null ? 0 : weighed(columns, columnNorms));
    },
    addGradient: (gradient, w) => {
      factorsOf(w, 1, 0);
      kernels.addCrosses(gradient, w, ofRows, ofColumns, height, width);
    },
    proximal: (w, rate) => {
      factorsOf(w, rate, 1);
      kernels.scaleCrosses(w, ofRows, ofColumns, height, width);
    },
  };
}

/**
 * The sum of penalties. Its proximal step makes theirs one after another. That is exact for L1 before groups that do
 * not overlap, and for nested groups with the inner ones first; it is an approximation if groups cross, as rows and
 * columns do. For rows and columns of one matrix it is made in one pass, the rows first.
 */
export function sumOf(...given: readonly Penalty[]): Penalty {
  const penalties = joined(given);
  const own = penalties.filter(({ threshold }) => threshold !== undefined);
  return {
    name: penalties.map(({ name }) => name).join(" + "),
    state: Object.assign({}, ...penalties.map(({ state }) => state)),
    value: (w) => penalties.reduce((sum, { value }) => sum + value(w), 0),
    addGradient: (gradient, w) => {
      for (const { addGradient } of penalties) addGradient(gradient, w);
    },
    proximal: (w, rate) => {
      for (const { proximal } of penalties) proximal(w, rate);
    },
    ...(own.length > 0 && {
      threshold: (w, least) => {
        for (const { threshold } of own) threshold!(w, least);
      },
    }),
  };
}

/** The penalties, with those of rows and columns of one matrix joined. */
function joined(penalties: readonly Penalty[]): readonly Penalty[] {
  const of = (side: "rows" | "columns"): Penalty | undefined =>
    penalties.find(({ crossing }) => crossing !== undefined && crossing[side] !== null);
  const [rows, columns] = [of("rows"), of("columns")];
  if (rows === undefined || columns === undefined || rows === columns) return penalties;
  const [ofRows, ofColumns] = [rows.crossing!, columns.crossing!];
  const both = crossed(`${rows.name} + ${columns.name}`, {
    ...ofRows,
    columns: ofColumns.columns,
    choices: [...ofRows.choices, ...ofColumns.choices],
  });
  return penalties.flatMap((one) => (one === columns ? [] : one === rows ? [both] : [one]));
}
