/**
 * Trials of general operations, each with operands that are contiguous, repeated and strided; of reductions; of batches
 * of products.
 */

import { type GeneralKernels, layoutOf, OPERATIONS, type Operation } from "../families/general.ts";
import { matrixGeometry } from "../geometry.ts";
import { sizes } from "./shapes.ts";
import {
  type Draw,
  empty,
  normal,
  positive,
  random,
  read,
  spoiled,
  type Trials,
  tied,
  trial,
  written,
} from "./trials.ts";

/** Operations that round once, so that all backends give the same bits. */
const EXACT: readonly Operation[] = [
  ...(["copy", "add", "subtract", "multiply", "divide", "sqrt", "abs", "clamp", "select"] as const),
  ...(["absBackward", "clampBackward"] as const),
];

const wide: Draw = (length) => normal(length).map((x) => 40 * x);
/** Exponents of powers, whole and not, for results within a few thousand; 17 is too high to multiply out. */
const exponents: Draw = (length) =>
  Float32Array.from({ length }, () => [2, 3, -1, 0.5, 1.7, -2.5, 0, 17, 1][random.integer(9)]);
const bases: Draw = (length) => positive(length).map((x) => 1.3 * x);
const limits: Draw = (length) =>
  Float32Array.from(
    { length },
    () => [0, -0, Number.NaN, Infinity, -Infinity, 1, -1, 1e-40, -1e-40, 3e38, 90, -110, 2.5][random.integer(13)],
  );

/** Every kind of base, for exponents that are whole, fractional, high and infinite. */
const kinds: Draw = (length) =>
  Float32Array.from(
    { length },
    () =>
      [0, -0, 1, -1, 2, -2, 0.5, -0.5, 17, -17, -33, Infinity, -Infinity, Number.NaN, 2 ** 25, 0.3][random.integer(16)],
  );

/** The draws of a and b, or c; operands that are not listed are normal. */
const draws: Partial<Record<Operation, readonly Draw[]>> = {
  power: [bases, exponents],
  exp: [normal],
  log: [(length) => wide(length).map(Math.abs)],
  sqrt: [positive],
  sigmoid: [(length) => normal(length).map((x) => 10 * x)],
  clamp: [normal, (length) => tied(length).map((x) => x - 2), (length) => tied(length).map((x) => x + 2)],
  select: [tied],
  powerByBase: [normal, bases, exponents],
  powerByExponent: [normal, normal, bases],
  sqrtBackward: [normal, positive],
  quotientByDivisor: [normal, normal, positive],
  absBackward: [normal, tied],
  clampBackward: [normal, tied, tied],
};

/**
 * Operations that treat infinity, NaN and numbers near the ends of the range in their own way: trials draw such numbers
 * for them.
 */
const OF_LIMITS: readonly Operation[] = ["copy", "add", "multiply", "divide", "exp", "log", "sqrt", "abs", "tanh"];

/** The shape of an output, and for each operand the step along each axis; operands begin at their first entry. */
interface Reading {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

const AWKWARD: readonly Reading[] = [
  ...[0, 1, 5, 64, 300].map((n) => ({ shape: [n], strides: [[1], [1], [1]] })),
  { shape: [37], strides: [[1], [0], [0]] },
  // rows, columns and both repeated, and the operand read in transposed order
  {
    shape: [9, 33],
    strides: [
      [33, 1],
      [0, 1],
      [1, 0],
    ],
  },
  {
    shape: [21, 3],
    strides: [
      [1, 21],
      [3, 1],
      [0, 0],
    ],
  },
  {
    shape: [5, 600],
    strides: [
      [0, 1],
      [1, 0],
      [600, 1],
    ],
  },
  {
    shape: [3, 4, 5],
    strides: [
      [1, 15, 3],
      [0, 5, 1],
      [4, 1, 0],
    ],
  },
  {
    shape: [2, 3, 2, 3, 2, 3, 2, 3],
    strides: [
      [1, 2, 0, 6, 0, 12, 0, 24],
      [0, 0, 0, 0, 0, 0, 0, 1],
      [0, 1, 0, 3, 0, 9, 0, 27],
    ],
  },
];

const LARGE: readonly Reading[] = [
  { shape: [50_000], strides: [[1], [1], [0]] },
  {
    shape: [3, 20_000],
    strides: [
      [1, 3],
      [0, 1],
      [1, 0],
    ],
  },
  {
    shape: [700, 40],
    strides: [
      [40, 1],
      [0, 1],
      [1, 0],
    ],
  },
];

/** Number of entries of an operand with these strides. */
const extent = (shape: readonly number[], strides: readonly number[]): number =>
  1 + shape.reduce((last, length, axis) => last + Math.max(0, length - 1) * strides[axis], 0);

/** Shapes [outer, length, inner]. */
const cubes = (odd: boolean): readonly (readonly [number, number, number])[] =>
  odd
    ? [
        ...([
          [1, 1, 1],
          [4, 0, 3],
          [1, 7, 1],
          [1, 9000, 1],
          [33, 10, 1],
          [3, 5000, 1],
        ] as const),
        ...([
          [1, 600, 20],
          [2, 3, 100],
          [5, 300, 70],
          [0, 3, 4],
          [2, 4, 0],
        ] as const),
      ]
    : [
        [1, 100_000, 1],
        [3, 700, 130],
        [5000, 10, 1],
      ];

export const generalTrials: Trials<GeneralKernels> = {
  elementwise: ({ odd }) =>
    OPERATIONS.flatMap((operation, code) => {
      const exact = EXACT.includes(operation);
      return (odd ? AWKWARD : LARGE).flatMap(({ shape, strides }) => {
        const own = draws[operation] ?? [];
        const sets = [[0, 1, 2].map((i) => own[i] ?? normal)];
        if (odd && operation === "power") sets.push([kinds, kinds, normal]);
        if (odd && OF_LIMITS.includes(operation)) sets.push([limits, limits, normal]);
        return sets.map((set) => {
          const operands = set.map((draw, i) => read(draw(extent(shape, strides[i]))));
          const y = written(empty(shape.reduce((size, length) => size * length, 1)), exact);
          const about = `${operation} [${shape}] ${set[0].name}`;
          return trial(about, [y, ...operands, code, layoutOf(shape, strides)], 2e-6);
        });
      });
    }),
  reduce: ({ odd }) =>
    [0, 1].flatMap((largest) =>
      cubes(odd).flatMap(([outer, length, inner]) =>
        (odd ? [normal, tied, spoiled] : [normal]).map((draw) => {
          const x = read(draw === spoiled && outer * length * inner === 0 ? empty(0) : draw(outer * length * inner));
          const args = [written(empty(outer * inner)), x, outer, length, inner, largest, 0.3];
          return trial(`[${outer}, ${length}, ${inner}] ${draw.name}`, args, 1e-6, true);
        }),
      ),
    ),
  maxBackward: ({ odd }) =>
    cubes(odd)
      .filter(([, length]) => length > 0)
      .flatMap(([outer, length, inner]) =>
        (odd ? [normal, tied, spoiled] : [normal]).map((draw) => {
          const x = outer * length * inner === 0 ? empty(0) : draw(outer * length * inner);
          const y = Float32Array.from({ length: outer * inner }, (_, i) =>
            Array.from({ length }, (_, j) => x[(Math.floor(i / inner) * length + j) * inner + (i % inner)]).reduce(
              (a, b) => Math.max(a, b),
            ),
          );
          const inputs = [read(normal(y.length)), read(x), read(y)];
          const about = `[${outer}, ${length}, ${inner}] ${draw.name}`;
          return trial(about, [written(empty(x.length), true), ...inputs, outer, length, inner]);
        }),
      ),
  scatterEntries: ({ odd }) =>
    (odd ? [0, 1, 50] : [5000]).map((count) => {
      const places = Uint32Array.from({ length: count }, () => random.integer(20));
      return trial(`${count}`, [written(normal(20)), read(normal(count)), read(places), count]);
    }),
  batchedProduct: ({ odd }) =>
    [0, 1, 2].flatMap((product) =>
      (odd
        ? ([
            [1, 5, 7, 3],
            [6, 9, 33, 17],
            [3, 1, 20, 4],
            [2, 70, 65, 40],
          ] as const)
        : ([
            [3, 300, 200, 100],
            [20, 64, 48, 96],
          ] as const)
      ).map(([batch, rows, inputs, outputs]) => {
        const g = matrixGeometry(rows, inputs, outputs);
        const { t, i, o } = sizes(g);
        const [x, w, y] = [t * i, o * i, t * o];
        const [out, left, right] = [
          [y, x, w],
          [x, y, w],
          [w, y, x],
        ][product].map((size) => batch * size);
        const args = [written(empty(out)), read(normal(left)), read(normal(right)), g, batch, product];
        return trial(`${product}: ${batch} of ${[...g]}`, args, 1e-6, true);
      }),
    ),
};
