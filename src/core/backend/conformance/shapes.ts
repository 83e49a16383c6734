/**
 * The shapes that kernels are tried on (awkward, random and large), and functions that make trials for each of them.
 */

import { type Pattern, packBlock } from "../families/packs.ts";
import type { Geometry } from "../geometry.ts";
import { matrixGeometry } from "../geometry.ts";
import { pack } from "./operands.ts";
import { type Argument, type Draw, normal, oneOf, random, spoiled, type Trial, tied, trial, wild } from "./trials.ts";

export const conv = (
  batch: number,
  height: number,
  width: number,
  channels: number,
  kernel: number,
  stride: number,
  padding: number,
  out: number,
): Geometry => {
  const side = (length: number): number => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  return Int32Array.of(batch, height, width, channels, kernel, kernel, stride, padding, side(height), side(width), out);
};

export const sizes = (g: Geometry): { t: number; i: number; o: number; x: number } => ({
  t: g[0] * g[8] * g[9],
  i: g[4] * g[5] * g[3],
  o: g[10],
  x: g[0] * g[1] * g[2] * g[3],
});

export const isMatrix = (g: Geometry): boolean => g[4] * g[5] === 1 && g[6] === 1 && g[7] === 0;

/**
 * A small random geometry that `fits`: images and kernels that are not square, strides beyond the kernel, padding
 * beyond the image.
 */
function randomGeometry(fits: (g: Geometry) => boolean = () => true): Geometry {
  const size = (): number => (random.integer(3) === 0 ? oneOf([1, 48, 63, 64, 65, 96, 200]) : 1 + random.integer(130));
  for (;;) {
    let g = matrixGeometry(size(), size(), size());
    if (random.integer(3) > 0) {
      const [height, width] = [1 + random.integer(11), 1 + random.integer(11)];
      const [kh, kw] = [oneOf([1, 2, 3, 5]), oneOf([1, 2, 3, 5])];
      const [stride, padding] = [1 + random.integer(3), random.integer(3)];
      const side = (length: number, kernel: number): number => Math.floor((length + 2 * padding - kernel) / stride) + 1;
      const [channels, out] = [oneOf([1, 3, 8, 16, 20, 33]), oneOf([1, 4, 7, 16, 17, 32, 40])];
      const image = [1 + random.integer(3), height, width, channels];
      g = Int32Array.of(...image, kh, kw, stride, padding, side(height, kh), side(width, kw), out);
    }
    if (g[8] > 0 && g[9] > 0 && fits(g)) return g;
  }
}

/** The shapes for every kind of kernel. */
export interface Shapes {
  readonly geometries: () => readonly Geometry[];
  /** Candidates for products with a packed operand; those that m does not divide are left out. */
  readonly packed: (m: number, fits: (g: Geometry) => boolean) => readonly Geometry[];
  readonly patterns: readonly (readonly [number, number])[];
  /** Shapes [rows, k] of weights. */
  readonly weights: (m: number) => readonly (readonly [number, number])[];
  readonly counts: readonly number[];
  readonly tables: readonly (readonly [number, number])[];
  readonly pools: readonly Geometry[];
  /** Whether to draw ties and NaN too. */
  readonly odd: boolean;
}

export const ALL_PATTERNS: readonly (readonly [number, number])[] = [
  ...([
    [1, 2],
    [2, 4],
    [4, 8],
    [1, 4],
    [2, 8],
  ] as const),
  ...([
    [1, 8],
    [1, 16],
    [3, 6],
    [3, 4],
    [8, 16],
  ] as const),
];

export const awkward: Shapes = {
  geometries: () => [
    ...[matrixGeometry(1, 1, 1), matrixGeometry(5, 17, 3), matrixGeometry(33, 64, 65), matrixGeometry(17, 200, 10)],
    ...[
      matrixGeometry(63, 100, 130),
      matrixGeometry(100, 300, 31),
      matrixGeometry(6, 784, 20),
      matrixGeometry(0, 5, 3),
    ],
    // few rows: each size of a tile, with K in one block and in two
    ...[
      matrixGeometry(1, 300, 130),
      matrixGeometry(2, 33, 49),
      matrixGeometry(4, 64, 50),
      matrixGeometry(8, 1030, 101),
    ],
    ...[matrixGeometry(13, 600, 7), matrixGeometry(16, 48, 97)],
    // split in two along T, and beyond 1024 outputs
    ...[matrixGeometry(5000, 20, 9), matrixGeometry(3, 7, 1100), conv(3, 40, 40, 4, 3, 1, 1, 6)],
    ...[conv(2, 5, 6, 3, 3, 1, 1, 4), conv(1, 7, 5, 8, 3, 2, 1, 20), conv(2, 6, 6, 20, 1, 1, 0, 7)],
    ...[conv(2, 6, 5, 16, 1, 2, 0, 9), conv(1, 9, 8, 5, 5, 1, 2, 17), conv(1, 8, 8, 64, 3, 1, 1, 33)],
    ...[conv(1, 3, 3, 1100, 3, 1, 1, 5), conv(1, 4, 4, 3, 2, 2, 0, 1100), conv(1, 2, 3, 5, 3, 1, 1, 1100)],
    // more than 256 taps; K in two blocks of whole rows and of whole taps
    ...[conv(1, 20, 20, 2, 19, 1, 9, 3), matrixGeometry(20, 1100, 70), conv(1, 3, 4, 200, 3, 1, 1, 9)],
    // long lines with few channels: they are read as shifted planes, for one channel without a copy in between
    ...[conv(2, 28, 28, 1, 5, 1, 0, 5), conv(2, 6, 40, 1, 3, 1, 2, 16), conv(1, 4, 30, 2, 5, 1, 3, 17)],
    ...[conv(3, 20, 24, 2, 3, 1, 1, 1), conv(1, 3, 26, 17, 3, 1, 1, 9), conv(1, 9, 24, 1, 3, 2, 1, 3)],
    // planes of part of an image, and of parts of two images
    conv(3, 64, 64, 16, 3, 1, 1, 4),
    ...Array.from({ length: 25 }, () => randomGeometry()),
  ],
  packed: (m, fits) => [
    ...[
      ...[matrixGeometry(33, 9 * m, 37), matrixGeometry(70, packBlock(m) + m, 5), matrixGeometry(33, 37, 9 * m)],
      ...[matrixGeometry(9 * m, 37, 21), matrixGeometry(320 * m, 10, 5), conv(m, 4, 4, 5, 3, 1, 1, 7)],
      ...[conv(1, 5, 6, 2 * m, 3, 1, 1, 19), conv(1, 6, 5, m, 3, 2, 1, 6), conv(1, 5, 6, 19, 3, 1, 1, 2 * m)],
      ...[conv(1, 6, 5, 6, 3, 2, 1, m), conv(1, 2, 2, 1104, 3, 1, 1, 3), conv(1, 2, 2, 3, 3, 1, 1, 1104)],
      // lines of half a vector, strides over whole vectors of channels, and panels that a column of taps shares
      ...[conv(1, 8, 8, 16, 3, 1, 1, 16), conv(1, 7, 9, 16, 3, 2, 1, 16), conv(1, 16, 16, 64, 3, 1, 1, 3)],
      // phases of a stride: taps over several blocks, phases without a tap, more padding than kernel, no output of a
      // phase
      ...[conv(1, 5, 7, 19, 3, 2, 1, 17 * m), conv(1, 7, 6, 5, 2, 3, 2, 3 * m), conv(1, 1, 5, 9, 1, 2, 0, m)],
    ].filter(fits),
    ...Array.from({ length: 3 }, () => randomGeometry(fits)),
  ],
  patterns: ALL_PATTERNS,
  weights: (m) => [
    ...([
      [1, m],
      [5, 3 * m],
      [7, 16 * m],
      [18, 17 * m],
    ] as const),
    ...([
      [9, packBlock(m)],
      [33, 2 * packBlock(m) + 5 * m],
    ] as const),
    [1 + random.integer(20), m * (1 + random.integer(40))],
  ],
  counts: [0, 1, 5, 16, 33, 63, 64, 65, 1000, 20_000],
  tables: [
    [1, 1],
    [0, 5],
    [1, 5],
    [4, 3],
    [33, 17],
    [600, 20],
    [1200, 64],
    [513, 65],
  ],
  pools: [
    ...[conv(2, 6, 6, 3, 2, 2, 0, 3), conv(1, 5, 7, 17, 3, 2, 1, 17), conv(2, 4, 4, 64, 4, 4, 0, 64)],
    ...[conv(1, 7, 7, 2, 3, 1, 1, 2), conv(3, 9, 5, 33, 5, 3, 2, 33), conv(1, 4, 6, 1, 1, 1, 0, 1)],
    // the whole image is one window
    conv(2, 5, 5, 19, 5, 1, 0, 19),
  ],
  odd: true,
};

/**
 * Shapes that are large enough for every kernel to be split between threads; multiples of 48, which is divisible by all
 * of its patterns.
 */
export const large: Shapes = {
  geometries: () => [
    ...[
      matrixGeometry(336, 528, 432),
      matrixGeometry(4608, 48, 96),
      matrixGeometry(17, 200, 400),
      matrixGeometry(8, 1030, 400),
    ],
    ...[conv(2, 32, 32, 48, 3, 1, 1, 48), conv(3, 32, 32, 48, 3, 2, 1, 48), conv(3, 32, 32, 3, 3, 1, 1, 16)],
  ],
  packed: () => [
    ...[matrixGeometry(336, 528, 432), matrixGeometry(4608, 48, 96), conv(3, 16, 16, 48, 3, 1, 1, 48)],
    conv(3, 16, 16, 96, 3, 2, 1, 48),
  ],
  patterns: [
    [2, 4],
    [3, 6],
  ],
  weights: () => [[500, 1200]],
  counts: [50_000],
  tables: [
    [3000, 48],
    [5, 50_000],
  ],
  pools: [conv(8, 32, 32, 16, 2, 2, 0, 16), conv(8, 33, 31, 17, 3, 2, 1, 17)],
  odd: false,
};

export function pruneTrials(
  { weights, patterns, odd }: Shapes,
  build: (rows: number, k: number, pattern: Pattern, w: Float32Array) => readonly Argument[],
): Trial[] {
  const list: Trial[] = [];
  for (const [n, m] of patterns) {
    for (const v of [1, 2, 4]) {
      for (const [rows, k] of weights(m)) {
        for (const draw of odd ? [normal, tied, wild] : [normal]) {
          const about = `${n}:${m}v${v} [${rows}, ${k}] ${draw.name}`;
          list.push(trial(about, build(rows, k, { n, m, v }, draw(rows * k))));
        }
      }
    }
  }
  return list;
}

/** One trial for each pattern that divides k, with a mask of [rows, k]. */
export function maskTrials(
  { odd }: Shapes,
  build: (rows: number, k: number, mask: Uint32Array, draw: Draw) => readonly Argument[],
): Trial[] {
  const shapes = odd
    ? ([
        [1, 4],
        [3, 4],
        [5, 36],
        [17, 132],
        [9, 100],
        [3, 2100],
      ] as const)
    : ([[500, 1200]] as const);
  return shapes.flatMap(([rows, k]) =>
    (odd ? [normal, spoiled] : [normal]).map((draw) =>
      trial(`[${rows}, ${k}] ${draw.name}`, build(rows, k, pack(rows, k, { n: 2, m: 4, v: 1 }).mask, draw)),
    ),
  );
}

/** One trial for each count, with and without NaN. */
export function countTrials(
  shapes: Shapes,
  build: (count: number, draw: Draw) => readonly Argument[],
  tolerance = 1e-6,
) {
  return shapes.counts.flatMap((count) =>
    (shapes.odd ? [normal, tied, spoiled] : [normal]).map((draw) =>
      trial(`${count} ${draw.name}`, build(count, draw), tolerance),
    ),
  );
}

/** One trial for each [rows, columns], with and without NaN. */
export function tableTrials(
  shapes: Shapes,
  build: (rows: number, columns: number, draw: Draw) => readonly Argument[],
  tolerance: number,
  linear = false,
): Trial[] {
  return shapes.tables.flatMap(([rows, columns]) =>
    (shapes.odd ? [normal, spoiled] : [normal]).map((draw) =>
      trial(`[${rows}, ${columns}] ${draw.name}`, build(rows, columns, draw), tolerance, linear),
    ),
  );
}
