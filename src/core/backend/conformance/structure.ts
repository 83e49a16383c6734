/** Trials of columns, tiles and crosses. */

import type { StructureKernels } from "../families/structure.ts";
import type { Geometry } from "../geometry.ts";
import { type Shapes, sizes, tableTrials } from "./shapes.ts";
import {
  type Argument,
  type Draw,
  empty,
  normal,
  positive,
  random,
  read,
  spoiled,
  type Trial,
  type Trials,
  tied,
  trial,
  written,
} from "./trials.ts";

/** Trials of columns of im2col: some of them in order, one, all, and one of a matrix. */
function columnTrials(
  shapes: Shapes,
  build: (g: Geometry, columns: Uint32Array, draw: Draw) => readonly Argument[],
): Trial[] {
  return shapes.geometries().flatMap((g) =>
    [1, 2, 5].map((every) => {
      const columns = Uint32Array.from({ length: Math.ceil(sizes(g).i / every) }, (_, i) => i * every);
      return trial(`${[...g]} one of ${every}`, build(g, columns, shapes.odd && every === 2 ? tied : normal));
    }),
  );
}

/** Trials of matrices cut into tiles: rows, columns, parts of both, all and single entries. */
function tileTrials(
  shapes: Shapes,
  build: (rest: readonly [number, number, number, number], draw: Draw, tiles: number) => readonly Argument[],
  tolerance = 1e-6,
): Trial[] {
  return [0, 1, 2, 3, 4, 5].flatMap((kind) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => {
        const [r, c] = [Math.max(1, rows), Math.max(1, columns)];
        const [tall, wide] = [
          [1, c],
          [r, 1],
          [3, 1],
          [2, 7],
          [r, c],
          [1, 1],
        ][kind];
        return build([rows, columns, tall, wide], draw, Math.ceil(rows / tall) * Math.ceil(columns / wide));
      },
      tolerance,
    ),
  );
}

/** Trials of matrices with factors of rows, of columns and of both. */
function crossTrials(
  shapes: Shapes,
  build: (
    rows: number,
    columns: number,
    some: readonly [rows: boolean, columns: boolean],
    draw: Draw,
  ) => readonly (readonly Argument[])[],
): Trial[] {
  const kinds = [
    [true, true],
    [true, false],
    [false, true],
  ] as const;
  return kinds.flatMap((some) =>
    shapes.tables.flatMap(([rows, columns]) =>
      (shapes.odd ? [normal, tied, spoiled] : [normal]).flatMap((draw) =>
        build(rows, columns, some, draw).map((args) => trial(`[${rows}, ${columns}] ${draw.name} ${some}`, args)),
      ),
    ),
  );
}

export const structureTrials: Trials<StructureKernels> = {
  gatherEntries: ({ counts }) =>
    counts.map((count) => {
      const places = Uint32Array.from({ length: count }, () => random.integer(count + 5));
      return trial(`${count}`, [written(empty(count), true), read(normal(count + 5)), read(places), count]);
    }),
  copyColumns: ({ odd }) =>
    (odd
      ? ([
          [3, 9, 9, 0, 4, 0],
          [7, 4, 4, 0, 9, 0],
          [5, 16, 16, 0, 16, 0],
          [6, 17, 40, 19, 20, 3],
          [9, 33, 33, 0, 70, 37],
          [4, 5, 8, 2, 6, 4],
          [4, 3, 4, 1, 6, 8],
          [1, 1, 2, 1, 1, 0],
        ] as const)
      : ([
          [20_000, 32, 32, 0, 16, 0],
          [20_000, 32, 96, 64, 32, 0],
        ] as const)
    ).flatMap(([rows, count, yColumns, yBegin, xColumns, xBegin]) =>
      (odd ? [tied, spoiled] : [tied]).map((draw) =>
        trial(`${count} from ${xBegin} of ${xColumns} to ${yBegin} of ${yColumns} ${draw.name}`, [
          ...[written(draw(rows * yColumns), true), read(draw(rows * xColumns))],
          ...[rows, count, yColumns, yBegin, xColumns, xBegin],
        ]),
      ),
    ),
  gatherColumns: (shapes) =>
    columnTrials(shapes, (g, columns, draw) => {
      const { t, x } = sizes(g);
      return [written(empty(t * columns.length), true), read(draw(x)), read(columns), columns.length, g];
    }),
  scatterColumns: (shapes) =>
    columnTrials(shapes, (g, columns, draw) => {
      const { t, x } = sizes(g);
      return [written(empty(x)), read(draw(t * columns.length)), read(columns), columns.length, g];
    }),
  tileNorms: (shapes) =>
    tileTrials(
      shapes,
      (rest, draw, tiles) => [written(new Float64Array(tiles)), read(draw(rest[0] * rest[1])), ...rest],
      1e-12,
    ),
  scaleTiles: (shapes) =>
    tileTrials(shapes, (rest, draw, tiles) => [written(draw(rest[0] * rest[1]), true), read(tied(tiles)), ...rest]),
  addTiles: (shapes) =>
    tileTrials(shapes, (rest, draw, tiles) => {
      const size = rest[0] * rest[1];
      return [written(normal(size)), read(draw(size)), read(normal(tiles)), ...rest];
    }),
  crossFactors: (shapes) =>
    crossTrials(shapes, (rows, columns, [ofRows, ofColumns], draw) =>
      [0, 1].map((proximal) => {
        const lambdas = (count: number, some: boolean) => (some ? read(Float64Array.from(positive(count))) : null);
        const factors = (count: number, some: boolean) => (some ? written(empty(count)) : null);
        return [
          ...[factors(rows, ofRows), factors(columns, ofColumns), read(draw(rows * columns))],
          ...[lambdas(rows, ofRows), lambdas(columns, ofColumns), rows, columns, proximal ? 0.5 : 1, proximal],
        ];
      }),
    ),
  scaleCrosses: (shapes) =>
    crossTrials(shapes, (rows, columns, [ofRows, ofColumns], draw) => {
      const factors = (count: number, some: boolean) => (some ? read(tied(count)) : null);
      return [
        [
          ...[written(draw(rows * columns), true), factors(rows, ofRows), factors(columns, ofColumns)],
          ...[rows, columns],
        ],
      ];
    }),
  addCrosses: (shapes) =>
    crossTrials(shapes, (rows, columns, [ofRows, ofColumns], draw) => {
      const factors = (count: number, some: boolean) => (some ? read(normal(count)) : null);
      const size = rows * columns;
      return [
        [
          ...[written(normal(size)), read(draw(size)), factors(rows, ofRows), factors(columns, ofColumns)],
          ...[rows, columns],
        ],
      ];
    }),
};
