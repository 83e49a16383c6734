/**
 * The suite that every backend passes: each kernel of KERNEL_NAMES against the oracle, on awkward and on random shapes.
 * Masks, packs, winners, draws and single operations must be bit-identical, and so must NaN and infinity be everywhere.
 * Sums may differ by `tolerance` times the sum of the magnitudes that went into them (1e-6: sixteen roundings of f32); for
 * kernels that are not sums, times the largest number that went in or came out. multiplies() must agree exactly.
 * Arrays lie between guard words at odd addresses; what is only read must stay as it was.
 */
import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { jsKernels } from "./js.ts";
import {
  CSR_BLOCK,
  type Geometry,
  KERNEL_NAMES,
  type KernelName,
  type Kernels,
  maskWords,
  matrixGeometry,
  packBlock,
  placeWords,
  SLICE,
} from "./kernels.ts";

type Numbers = Float32Array | Float64Array | Uint8Array | Uint32Array | Int32Array;
type Kind = "float32" | "float64" | "uint8" | "uint32" | "int32";
/** An array argument; written: compared after the call. exact: bit for bit. scale: of its tolerance, if not the largest number. */
interface ArrayArgument {
  readonly kind: Kind;
  readonly values: Numbers;
  readonly written: boolean;
  readonly exact: boolean;
  readonly scale?: number;
}
type Argument = ArrayArgument | Geometry | number | null;
interface Trial {
  readonly about: string;
  readonly args: readonly Argument[];
  /** Share of the magnitudes that a sum may be off by. */
  readonly tolerance: number;
  /** Whether the magnitudes are those of the same kernel on absolute values; else the largest number counts. */
  readonly linear: boolean;
}
type Draw = (length: number) => Float32Array;

const SEED = Number(process.env.TRISPARSE_TEST_SEED ?? 20_261_121);
/** Begins anew for each kernel, so that a test alone draws what it draws among the others. */
let random = new Random(SEED);
const isArray = (argument: Argument): argument is ArrayArgument =>
  argument !== null && typeof argument === "object" && "values" in argument && "kind" in argument;
const kindOf = (values: Numbers): Kind =>
  values instanceof Float32Array
    ? "float32"
    : values instanceof Float64Array
      ? "float64"
      : values instanceof Uint8Array
        ? "uint8"
        : values instanceof Uint32Array
          ? "uint32"
          : "int32";

const read = (values: Numbers): ArrayArgument => ({ kind: kindOf(values), values, written: false, exact: false });
const written = (values: Numbers, exact = false): ArrayArgument => ({
  kind: kindOf(values),
  values,
  written: true,
  exact,
});
const normal = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
const positive = (length: number): Float32Array => Float32Array.from({ length }, () => 0.1 + random.uniform());
/** An output's old content: NaN shows where it is read or left, and does not widen a tolerance. */
const empty = (length: number): Float32Array => new Float32Array(length).fill(Number.NaN);
/** Few distinct values, zeros of both signs: ties everywhere. */
const tied = (length: number): Float32Array =>
  Float32Array.from({ length }, () => [0, -0, 1, -1, 2, -2, 0.5][random.integer(7)]);
/** Now and then a NaN, at least one. */
const spoiled = (length: number): Float32Array => {
  const values = normal(length).map((value) => (random.integer(40) === 0 ? Number.NaN : value));
  values[random.integer(length)] = Number.NaN;
  return values;
};
/** For weights: NaN, infinities and ties. */
const wild = (length: number): Float32Array =>
  Float32Array.from(
    { length },
    () => [0, 1, -1, 2, Number.NaN, Number.POSITIVE_INFINITY, -Infinity][random.integer(7)],
  );
const oneOf = <T>(list: readonly T[]): T => list[random.integer(list.length)];
const trial = (about: string, args: readonly Argument[], tolerance = 1e-6, linear = false): Trial => ({
  ...{ about, args, tolerance, linear },
});

const conv = (
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
const sizes = (g: Geometry): { t: number; i: number; o: number; x: number } => ({
  t: g[0] * g[8] * g[9],
  i: g[4] * g[5] * g[3],
  o: g[10],
  x: g[0] * g[1] * g[2] * g[3],
});

const isMatrix = (g: Geometry): boolean => g[4] * g[5] === 1 && g[6] === 1 && g[7] === 0;

/** A small geometry that `fits`: images and kernels that are not square, strides beyond the kernel, padding beyond the image. */
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

/** Shapes for every kind of kernel. */
interface Shapes {
  readonly geometries: () => readonly Geometry[];
  /** Candidates for products with a packed operand; those that m does not divide are left out. */
  readonly packed: (m: number, fits: (g: Geometry) => boolean) => readonly Geometry[];
  readonly patterns: readonly (readonly [number, number])[];
  /** [rows, k] of weights. */
  readonly weights: (m: number) => readonly (readonly [number, number])[];
  readonly counts: readonly number[];
  readonly tables: readonly (readonly [number, number])[];
  readonly pools: readonly Geometry[];
  /** Whether to draw ties and NaN too. */
  readonly odd: boolean;
}

const ALL_PATTERNS: readonly (readonly [number, number])[] = [
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

const awkward: Shapes = {
  geometries: () => [
    ...[matrixGeometry(1, 1, 1), matrixGeometry(5, 17, 3), matrixGeometry(33, 64, 65), matrixGeometry(17, 200, 10)],
    ...[
      matrixGeometry(63, 100, 130),
      matrixGeometry(100, 300, 31),
      matrixGeometry(6, 784, 20),
      matrixGeometry(0, 5, 3),
    ],
    // few rows: each size of a tile, K in one block and in two
    ...[
      matrixGeometry(1, 300, 130),
      matrixGeometry(2, 33, 49),
      matrixGeometry(4, 64, 50),
      matrixGeometry(8, 1030, 101),
    ],
    ...[matrixGeometry(13, 600, 7), matrixGeometry(16, 48, 97)],
    // cut in two along T, and past 1024 outputs
    ...[matrixGeometry(5000, 20, 9), matrixGeometry(3, 7, 1100), conv(3, 40, 40, 4, 3, 1, 1, 6)],
    ...[conv(2, 5, 6, 3, 3, 1, 1, 4), conv(1, 7, 5, 8, 3, 2, 1, 20), conv(2, 6, 6, 20, 1, 1, 0, 7)],
    ...[conv(2, 6, 5, 16, 1, 2, 0, 9), conv(1, 9, 8, 5, 5, 1, 2, 17), conv(1, 8, 8, 64, 3, 1, 1, 33)],
    ...[conv(1, 3, 3, 1100, 3, 1, 1, 5), conv(1, 4, 4, 3, 2, 2, 0, 1100), conv(1, 2, 3, 5, 3, 1, 1, 1100)],
    // more than 256 taps; K in two blocks of whole rows and of whole taps
    ...[conv(1, 20, 20, 2, 19, 1, 9, 3), matrixGeometry(20, 1100, 70), conv(1, 3, 4, 200, 3, 1, 1, 9)],
    // long lines, few channels: read as shifted planes, of one channel without a copy in between
    ...[conv(2, 28, 28, 1, 5, 1, 0, 5), conv(2, 6, 40, 1, 3, 1, 2, 16), conv(1, 4, 30, 2, 5, 1, 3, 17)],
    ...[conv(3, 20, 24, 2, 3, 1, 1, 1), conv(1, 3, 26, 17, 3, 1, 1, 9), conv(1, 9, 24, 1, 3, 2, 1, 3)],
    // planes of a part of an image and of parts of two
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
      // phases of a stride: taps over several blocks, phases without a tap, more padding than kernel, none of a phase
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

/** Big enough for every kernel to be split between threads; multiples of 48, which all of its patterns divide. */
const large: Shapes = {
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

/** A weight matrix pruned by the oracle. */
function pack(rows: number, k: number, n: number, m: number, v: number, w: Float32Array = normal(rows * k)) {
  const count = Math.ceil(rows / v) * (k / m) * n;
  const values = new Float32Array(count * v);
  const index = new Uint8Array(count);
  const mask = new Uint32Array(rows * maskWords(k));
  const masked = new Float32Array(rows * k);
  jsKernels().pruneRows(values, index, mask, masked, w, rows, k, n, m, v, 0);
  return { values, index, mask, masked, w };
}

/**
 * Products with a packed operand of [rows, k], the dense one drawn once without and once with NaN. sizeOf: rows, k and what
 * m must divide, if not k.
 */
function packedTrials(
  { packed, patterns, odd }: Shapes,
  sizeOf: (g: Geometry) => readonly [rows: number, k: number, along?: number],
  build: (
    g: Geometry,
    operand: { values: Float32Array; index: Uint8Array },
    draw: Draw,
    pattern: readonly [number, number, number],
  ) => readonly Argument[],
): Trial[] {
  const list: Trial[] = [];
  for (const [n, m] of patterns) {
    for (const v of [1, 2, 4]) {
      const shapes = packed(m, (g) => (sizeOf(g)[2] ?? sizeOf(g)[1]) % m === 0);
      shapes.forEach((g, i) => {
        // the last shapes are the random ones
        const draw = odd && i === shapes.length - 1 ? spoiled : normal;
        const [rows, k] = sizeOf(g);
        list.push(trial(`${n}:${m}v${v} ${[...g]}`, build(g, pack(rows, k, n, m, v), draw, [n, m, v]), 1e-6, true));
      });
    }
  }
  return list;
}

/** A matrix pruned and put into slices by the oracle. */
function slices(rows: number, k: number, n: number, m: number, v: number) {
  const { values, index } = pack(rows, k, n, m, v);
  const padded = Math.ceil(rows / SLICE) * SLICE;
  const sliced = {
    values: new Float32Array(padded * (k / m) * n),
    places: new Uint32Array(padded * placeWords(k, n, m)),
  };
  jsKernels().packSlices(sliced.values, sliced.places, values, index, rows, k, n, m, v);
  return { ...sliced, packed: { values, index } };
}

/** Compressed rows of blocks of K, with so many non-zeros in a hundred. */
function compressedRows(rows: number, k: number, percent: number) {
  const values: number[] = [];
  const index: number[] = [];
  const starts = [0];
  for (let block = 0; block < k; block += CSR_BLOCK) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < Math.min(CSR_BLOCK, k - block); column++) {
        if (random.integer(100) >= percent) continue;
        values.push(random.normal());
        index.push(column);
      }
      starts.push(values.length);
    }
  }
  return {
    values: Float32Array.from(values),
    index: Uint8Array.from(index),
    starts: Uint32Array.from(starts),
  };
}

/** [t, k, out] of products with few rows: every size of a tile, groups that end within a word of places. */
function fewRows({ odd }: Shapes, m: number): readonly (readonly [number, number, number])[] {
  if (!odd) return [[3, 480, 1100]];
  const drawn = (): readonly [number, number, number] => [
    1 + random.integer(20),
    m * (1 + random.integer(70)),
    1 + random.integer(90),
  ];
  return [
    [1, m, 1],
    [1, 64 * m, 33],
    [2, 37 * m, 16],
    [3, 16 * m, 47],
    [8, 9 * m, 64],
    [13, 65 * m, 19],
    drawn(),
    drawn(),
  ];
}

function pruneTrials(
  { weights, patterns, odd }: Shapes,
  arrays: (rows: number, k: number, n: number, m: number, v: number, w: Float32Array) => readonly Argument[],
): Trial[] {
  const list: Trial[] = [];
  for (const [n, m] of patterns) {
    for (const v of [1, 2, 4]) {
      for (const [rows, k] of weights(m)) {
        for (const draw of odd ? [normal, tied, wild] : [normal]) {
          const about = `${n}:${m}v${v} [${rows}, ${k}] ${draw.name}`;
          list.push(trial(about, arrays(rows, k, n, m, v, draw(rows * k))));
        }
      }
    }
  }
  return list;
}

/** Hard and soft thresholds. */
function softness(): number {
  return [0, 1, 1.75][random.integer(3)];
}

/** Bits without a pattern; those behind k are 0. */
function anyMask(rows: number, k: number): Uint32Array {
  const words = maskWords(k);
  return Uint32Array.from({ length: rows * words }, (_, i) => {
    const left = k - (i % words) * 32;
    return left >= 32 ? random.bits() : random.bits() & (2 ** left - 1);
  });
}

/** The numbers below `length`, each block of them shuffled. */
function anyOrder(length: number, block: number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let begin = 0; begin < length; begin += block) {
    for (let i = Math.min(length, begin + block) - 1; i > begin; i--) {
      const j = begin + random.integer(i - begin + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
  }
  return order;
}

/** A mask of [rows, k] for each pattern that divides k. */
function maskTrials(
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
      trial(`[${rows}, ${k}] ${draw.name}`, build(rows, k, pack(rows, k, 2, 4, 1).mask, draw)),
    ),
  );
}

/** One trial for each count, with and without NaN. */
function countTrials(shapes: Shapes, build: (count: number, draw: Draw) => readonly Argument[], tolerance = 1e-6) {
  return shapes.counts.flatMap((count) =>
    (shapes.odd ? [normal, tied, spoiled] : [normal]).map((draw) =>
      trial(`${count} ${draw.name}`, build(count, draw), tolerance),
    ),
  );
}

/** The same for [rows, columns]. */
function tableTrials(
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

/** The same cut in tiles: rows, columns, parts of both, all and single entries. */
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

/** The same with factors of rows, of columns and of both. */
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

/** The same for windows of images. */
function poolTrials(
  shapes: Shapes,
  build: (g: Geometry, draw: Draw) => readonly Argument[],
  tolerance?: number,
): Trial[] {
  return shapes.pools.flatMap((g) =>
    (shapes.odd ? [normal, tied, spoiled] : [normal]).map((draw) =>
      trial(`${[...g]} ${draw.name}`, build(g, draw), tolerance),
    ),
  );
}

/** Columns of im2col: some of them in order, one, all, and one of a matrix. */
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

/** Tokens, few and many to an entry of the table. */
function embeddingTrials(
  { odd }: Shapes,
  build: (tokens: Float32Array, vocabulary: number, dim: number, draw: Draw) => readonly Argument[],
): Trial[] {
  const shapes = odd
    ? ([
        [0, 3, 5],
        [1, 1, 1],
        [7, 300, 3],
        [200, 5, 17],
        [65, 10, 130],
        [1000, 65, 64],
      ] as const)
    : ([[4000, 65, 300]] as const);
  return shapes.flatMap(([count, vocabulary, dim]) =>
    (odd ? [normal, spoiled] : [normal]).map((draw) => {
      const tokens = Float32Array.from({ length: count }, () => random.integer(vocabulary));
      return trial(`${count} of ${vocabulary} x ${dim} ${draw.name}`, build(tokens, vocabulary, dim, draw));
    }),
  );
}

/** Sequences: shorter and longer than a tile, a vector and a block of rows; heads narrower and wider than a tile. */
function attentionTrials(
  { odd }: Shapes,
  factor: number,
  build: (qkv: Float32Array, batch: number, length: number, dim: number, heads: number) => readonly Argument[],
): Trial[] {
  const shapes = odd
    ? ([
        [1, 1, 1, 1],
        [2, 5, 6, 2],
        [1, 17, 32, 2],
        [2, 33, 64, 1],
        [1, 64, 32, 1],
        [1, 100, 40, 2],
        [1, 13, 130, 1],
        [1, 210, 16, 1],
        [1 + random.integer(3), 1 + random.integer(70), 3 * (1 + random.integer(20)), 3],
      ] as const)
    : ([
        [2, 128, 64, 4],
        [1, 210, 36, 3],
      ] as const);
  return shapes.map(([batch, length, dim, heads]) => {
    const qkv = normal(batch * length * 3 * dim).map((x) => factor * x);
    // scores grow by the square of the factor, and their rounding is the relative error of a probability
    const tolerance = 5e-6 * factor ** 2;
    return trial(`${[batch, length, dim, heads]}`, build(qkv, batch, length, dim, heads), tolerance);
  });
}

/** Dense products: build(geometry, draw of the images or their gradients, draw of what padding meets). */
function productTrials(
  { geometries, odd }: Shapes,
  build: (g: Geometry, draw: Draw, other: Draw) => readonly Argument[],
): Trial[] {
  return geometries().flatMap((g) => {
    const draws: [Draw, Draw][] = [[normal, normal]];
    if (odd) draws.push([spoiled, normal]);
    // whether NaN times the zeros of padding counts is left open
    if (odd && isMatrix(g)) draws.push([normal, spoiled]);
    return draws.map(([one, other]) => trial(`${[...g]} ${one.name} ${other.name}`, build(g, one, other), 1e-6, true));
  });
}

const trials: Record<KernelName, (shapes: Shapes) => Trial[]> = {
  forward: (shapes) =>
    [0, 1].flatMap((relu) =>
      productTrials(shapes, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const bias = relu ? read(other(o)) : null;
        return [written(empty(t * o)), read(draw(x)), read(other(o * i)), bias, g, relu];
      }),
    ),
  inputGrad: (shapes) =>
    productTrials(shapes, (g, draw, other) => {
      const { t, i, o, x } = sizes(g);
      return [written(empty(x)), read(draw(t * o)), read(other(o * i)), g];
    }),
  weightGrad: (shapes) =>
    productTrials(shapes, (g, draw, other) => {
      const { t, i, o, x } = sizes(g);
      return [written(empty(o * i)), read(other(t * o)), read(draw(x)), g];
    }),
  forwardSparse: (shapes) =>
    [0, 1].flatMap((relu) =>
      packedTrials(
        shapes,
        (g) => [sizes(g).o, sizes(g).i],
        (g, { values, index }, draw, pattern) => {
          const { t, o, x } = sizes(g);
          const bias = relu ? read(normal(o)) : null;
          return [written(empty(t * o)), read(draw(x)), read(values), read(index), bias, g, relu, ...pattern];
        },
      ),
    ),
  inputGradSparse: (shapes) =>
    packedTrials(
      shapes,
      (g) => [g[3], g[4] * g[5] * g[10], g[10]],
      (g, { values, index }, draw, pattern) => {
        const { t, o, x } = sizes(g);
        return [written(empty(x)), read(draw(t * o)), read(values), read(index), g, ...pattern];
      },
    ),
  weightGradSparse: (shapes) =>
    packedTrials(
      shapes,
      (g) => [sizes(g).o, sizes(g).t],
      (g, { values, index }, draw, pattern) => {
        const { i, o, x } = sizes(g);
        return [written(empty(o * i)), read(values), read(index), read(draw(x)), g, ...pattern];
      },
    ),
  weightGradAlternate: (shapes) => {
    // a line alone in its image, lines of one, odd ones, and odd ones of every second pixel
    const lines = [conv(3, 1, 9, 8, 1, 1, 0, 8), conv(2, 5, 1, 16, 3, 1, 1, 9)];
    lines.push(conv(2, 3, 15, 16, 3, 1, 1, 20), conv(2, 9, 13, 16, 3, 2, 1, 8), conv(1, 2, 23, 3, 3, 1, 1, 16));
    const geometries = (): Geometry[] => [...shapes.geometries(), ...lines];
    return [0, 1, 2, 3, 4].flatMap((mask) =>
      productTrials({ ...shapes, geometries }, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        return [written(empty(o * i)), read(other(t * o)), read(draw(x)), g, mask, oneOf([0, 0.03, 1]), oneOf([1, 2])];
      }),
    );
  },
  forwardSparseActivations: (shapes) =>
    [0, 1].flatMap((relu) =>
      packedTrials(
        shapes,
        (g) => [sizes(g).t, sizes(g).i],
        (g, { values, index }, draw, pattern) => {
          const { t, i, o } = sizes(g);
          const bias = relu ? read(normal(o)) : null;
          const operands = [written(empty(t * o)), read(values), read(index), read(draw(o * i)), bias];
          return [...operands, t, i, o, relu, ...pattern];
        },
      ),
    ),
  forwardSlices: (shapes) =>
    shapes.patterns.flatMap(([n, m]) =>
      fewRows(shapes, m).flatMap(([t, k, o], i) => {
        const { values, places } = slices(o, k, n, m, oneOf([1, 2, 4]));
        const draw = shapes.odd && i % 2 === 1 ? spoiled : normal;
        const relu = i % 2;
        const args = [
          written(empty(t * o)),
          read(draw(t * k)),
          read(values),
          read(places),
          relu ? read(normal(o)) : null,
        ];
        return trial(`${n}:${m} ${t} x ${k} x ${o}`, [...args, t, k, o, relu, n, m], 1e-6, true);
      }),
    ),
  forwardCsr: (shapes) => [
    ...[0, 2, 10, 60, 100].flatMap((percent) =>
      [...fewRows(shapes, 4), [40, 200, 70] as const, [70, 300, 33] as const].map(([t, k, o], i) => {
        const { values, index, starts } = compressedRows(o, k, percent);
        const draw = shapes.odd && i % 2 === 1 ? spoiled : normal;
        const relu = i % 2;
        const args = [
          ...[written(empty(t * o)), read(draw(t * k)), read(values), read(index), read(starts)],
          ...[relu ? read(normal(o)) : null, matrixGeometry(t, k, o), relu],
        ];
        return trial(`${percent} % ${t} x ${k} x ${o}`, args, 1e-6, true);
      }),
    ),
    ...[0, 1].flatMap((relu) =>
      productTrials(shapes, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const { values, index, starts } = compressedRows(o, i, 25);
        const rows = [read(values), read(index), read(starts)];
        return [written(empty(t * o)), read(draw(x)), ...rows, relu ? read(other(o)) : null, g, relu];
      }),
    ),
  ],
  weightGradCsr: (shapes) =>
    [0, 3, 25, 100].flatMap((percent) => {
      // several parts, strips and blocks
      const many = (): Geometry[] => [
        matrixGeometry(1100, 300, 40),
        matrixGeometry(70, 130, 33),
        conv(5, 24, 17, 20, 3, 1, 1, 24),
      ];
      const geometries = (): Geometry[] => [...shapes.geometries(), ...many()];
      return productTrials({ ...shapes, geometries }, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const { index, starts } = compressedRows(o, i, percent);
        return [written(empty(o * i)), read(other(t * o)), read(draw(x)), read(index), read(starts), g];
      });
    }),
  pruneRows: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [
        ...[written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)],
        ...[written(new Uint32Array(rows * maskWords(k)).fill(7), true), masked, read(w), rows, k, n, m, v, softness()],
      ];
    }),
  packRows: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const { mask } = pack(rows, k, n, m, v);
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true), masked];
      return [...outputs, read(w), read(mask), rows, k, n, m, v, softness()];
    }),
  pruneTransposable: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      // v: shapes are tried thrice, beyond what a vector holds too
      const [height, width] = [m * Math.ceil(rows / m), v * k];
      const source = Float32Array.from({ length: height * width }, (_, at) => w[at % w.length]);
      const mask = written(new Uint32Array(height * maskWords(width)).fill(7), true);
      return [mask, read(source), height, width, n, m, random.integer(2)];
    }),
  pruneColumns: (shapes) =>
    [1, 3].flatMap((taps) =>
      pruneTrials(shapes, (rows, k, n, m, v, w) => {
        const slots = Math.ceil(rows / v) * ((k * taps) / m) * n;
        const source = taps === 1 ? w : normal(rows * k * taps);
        const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
        const mask = random.bits() & 1 ? read(anyMask(k, taps * rows)) : null;
        const order = random.bits() & 1 ? read(anyOrder(k * taps, packBlock(m))) : null;
        return [...outputs, read(source), mask, order, rows, k * taps, taps, n, m, v];
      }),
    ),
  sampleColumns: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
      return [...outputs, read(w), rows, k, n, m, v, 7, random.integer(1000), random.integer(1000)];
    }),
  sampleRows: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [...outputs, masked, read(w), rows, k, n, m, v, 7, random.integer(1000), random.integer(1000)];
    }),
  sampleColumnsApproximately: (shapes) =>
    pruneTrials({ ...shapes, patterns: [[2, 4]] }, (rows, k, _n, _m, _v, w) => {
      const outputs = [written(empty((rows * k) / 2), true), written(new Uint8Array((rows * k) / 2).fill(7), true)];
      return [...outputs, read(w), rows, k, 7, random.integer(1000), random.integer(1000)];
    }),
  packSlices: (shapes) =>
    shapes.patterns.flatMap(([n, m]) =>
      fewRows(shapes, m).flatMap(([, k, o]) =>
        [1, 2, 4].map((v) => {
          const { values, places, packed } = slices(o, k, n, m, v);
          const outputs = [
            written(
              values.map(() => 7),
              true,
            ),
            written(
              places.map(() => 7),
              true,
            ),
          ];
          const args = [...outputs, read(packed.values), read(packed.index), o, k, n, m, v];
          return trial(`${n}:${m}v${v} [${o}, ${k}]`, args);
        }),
      ),
    ),
  gatherEntries: ({ counts }) =>
    counts.map((count) => {
      const places = Uint32Array.from({ length: count }, () => random.integer(count + 5));
      return trial(`${count}`, [written(empty(count), true), read(normal(count + 5)), read(places), count]);
    }),
  maskedDecay: (shapes) =>
    maskTrials(shapes, (rows, k, mask, draw) => {
      return [written(normal(rows * k)), read(draw(rows * k)), read(mask), rows, k, 0.01];
    }),
  applyMask: (shapes) =>
    maskTrials(shapes, (rows, k, mask, draw) => [written(draw(rows * k), true), read(mask), rows, k]),
  maskDivergence: (shapes) =>
    shapes.counts.map((count) => {
      const mask = (): Uint32Array => Uint32Array.from({ length: count }, () => random.integer(2 ** 32));
      return trial(`${count} words`, [written(new Float64Array(1), true), read(mask()), read(mask()), count]);
    }),
  keptMagnitude: (shapes) =>
    maskTrials(shapes, (rows, k, mask, draw) => {
      return [written(new Float64Array(rows * 3)), read(draw(rows * k)), read(mask), rows, k];
    }),
  thresholds: (shapes) =>
    maskTrials(shapes, (rows, k, _, draw) => {
      const w = read(draw(rows * 2 * k));
      const [rank, ofGroup] = [1 + random.integer(2 * k - 1), 1 + random.integer(2 * rows * k - 1)];
      // rows of two segments, taps, and all
      return [
        [written(empty(rows), true), w, rows, 2, k, 2 * k, k, rank],
        [written(empty(2), true), w, 2, rows, k, k, 2 * k, 1 + random.integer(Math.max(1, rows * k - 1))],
        [written(empty(1), true), w, 1, 1, 2 * rows * k, 0, 0, ofGroup],
      ][rows * k > 1 ? random.integer(3) : 0];
    }),
  softAxes: (shapes) =>
    maskTrials(shapes, (rows, k, _, draw) => {
      const taps = 1 + random.integer(3);
      const ofTaps = random.bits() & 1 ? read(positive(taps)) : null;
      const [y, w] = [empty(rows * k * taps), draw(rows * k * taps)];
      return [written(y), read(w), read(positive(rows)), ofTaps, rows, k * taps, taps, 0.3];
    }),
  add: (shapes) =>
    [0, 1].flatMap((relu) =>
      countTrials(shapes, (count, draw) => {
        return [written(empty(count), true), read(draw(count)), read(normal(count)), count, relu];
      }),
    ),
  mix: (shapes) =>
    countTrials(
      shapes,
      (count, draw) => {
        return [written(empty(count)), read(draw(count)), read(normal(count)), count, 0.3, -1.7];
      },
      1e-6,
    ),
  addProduct: (shapes) =>
    countTrials(
      shapes,
      (count, draw) => {
        return [written(draw(count)), read(draw(count)), read(normal(count)), count, -0.3];
      },
      1e-6,
    ),
  scale: (shapes) => countTrials(shapes, (count, draw) => [written(draw(count), true), count, 0.3]),
  sumOfSquares: (shapes) =>
    countTrials(shapes, (count, draw) => [written(new Float64Array(1)), read(draw(count)), count], 1e-12),
  columnSums: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => [written(empty(columns)), read(draw(rows * columns)), rows, columns],
      1e-6,
      true,
    ),
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
  rowProducts: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => {
        const size = rows * columns;
        return [written(new Float64Array(rows)), read(draw(size)), read(normal(size)), rows, columns];
      },
      1e-12,
      true,
    ),
  addSigns: (shapes) => countTrials(shapes, (count, draw) => [written(normal(count)), read(draw(count)), count, 0.3]),
  shrink: (shapes) =>
    [0, 1].flatMap((hard) => countTrials(shapes, (count, draw) => [written(draw(count), true), count, 0.5, hard])),
  relu: (shapes) => countTrials(shapes, (count, draw) => [written(empty(count), true), read(draw(count)), count]),
  reluBackward: (shapes) =>
    countTrials(shapes, (count, draw) => {
      return [written(empty(count), true), read(draw(count)), read(draw(count)), count];
    }),
  gelu: (shapes) =>
    countTrials(shapes, (count, draw) => [written(empty(count)), read(draw(count).map((x) => 4 * x)), count]),
  geluBackward: (shapes) =>
    countTrials(shapes, (count, draw) => {
      return [written(empty(count)), read(normal(count)), read(draw(count).map((x) => 4 * x)), count];
    }),
  squaredRelu: (shapes) =>
    countTrials(shapes, (count, draw) => [written(empty(count), true), read(draw(count)), count]),
  squaredReluBackward: (shapes) =>
    countTrials(shapes, (count, draw) => {
      return [written(empty(count), true), read(draw(count)), read(draw(count)), count];
    }),
  dropout: (shapes) =>
    [0, 0.1, 0.5].flatMap((p) =>
      countTrials(shapes, (count, draw) => {
        return [written(empty(count), true), read(draw(count)), count, p, 12345, -7, count];
      }),
    ),
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
  // one value a channel has no variance: left out, as in PyTorch
  batchNorm: (shapes) =>
    [0, 1].flatMap((relu) =>
      tableTrials(
        { ...shapes, tables: shapes.tables.filter(([rows]) => rows > 1) },
        (rows, channels, draw) => {
          const x = draw(rows * channels).map((value, i) => 3 * value + 10 * ((i % channels) % 4));
          return [
            ...[written(empty(rows * channels)), written(empty(channels)), written(empty(channels))],
            ...[written(normal(channels)), written(positive(channels)), read(x), read(normal(channels))],
            ...[read(normal(channels)), rows, channels, 1e-5, 0.1, relu],
          ];
        },
        // squares about a chunk's first row, which may lie far out, cancel: the variance is good to about 1e-5
        5e-6,
      ),
    ),
  batchNormInfer: (shapes) =>
    [0, 1].flatMap((relu) =>
      tableTrials(
        shapes,
        (rows, channels, draw) => [
          ...[written(empty(rows * channels)), read(draw(rows * channels)), read(normal(channels))],
          ...[read(normal(channels)), read(normal(channels)), read(positive(channels)), rows, channels, 1e-5, relu],
        ],
        2e-6,
      ),
    ),
  batchNormBackward: (shapes) =>
    [0, 1].flatMap((relu) =>
      tableTrials(
        shapes,
        (rows, channels, draw) => {
          // NaN in y closes its gate and hides the gradient there: NaN in dy and x are tried without one
          const [dy, x] = relu ? [normal, normal] : [draw, draw];
          return [
            ...[written(empty(rows * channels)), written(empty(channels)), written(empty(channels))],
            ...[read(dy(rows * channels)), relu ? read(draw(rows * channels)) : null, read(x(rows * channels))],
            ...[read(normal(channels)), read(normal(channels)), read(positive(channels)), rows, channels],
          ];
        },
        5e-6,
      ),
    ),
  batchNormPool: (shapes) =>
    poolTrials(
      shapes,
      (g, draw) => {
        const { t, o, x } = sizes(g);
        // drawn apart: what oracle and kernel round to different sides of each other would be another winner
        const image = draw === tied ? normal(x) : draw(x);
        return [
          ...[written(empty(t * o)), written(empty(t * o)), written(new Uint8Array(t * o).fill(9), true)],
          ...[written(empty(o)), written(empty(o)), written(normal(o)), written(positive(o)), read(image)],
          ...[read(normal(o)), read(normal(o)), g, 1e-5, 0.1],
        ];
      },
      5e-6,
    ),
  batchNormPoolBackward: (shapes) =>
    poolTrials(
      shapes,
      (g, draw) => {
        const { t, o, x } = sizes(g);
        const [y, peak, winner, image] = [empty(t * o), empty(t * o), new Uint8Array(t * o), normal(x)];
        const [mean, invStd, gamma, beta] = [empty(o), empty(o), normal(o), normal(o)];
        const statistics = [mean, invStd, normal(o), positive(o)] as const;
        jsKernels().batchNormPool(y, peak, winner, ...statistics, image, gamma, beta, g, 1e-5, 0.1);
        return [
          ...[written(empty(x)), written(empty(o)), written(empty(o)), read(draw(t * o)), read(peak), read(winner)],
          ...[read(image), read(gamma), read(mean), read(invStd), g],
        ];
      },
      5e-6,
    ),
  maxPool: (shapes) =>
    poolTrials(shapes, (g, draw) => {
      const { t, o, x } = sizes(g);
      return [written(empty(t * o), true), written(new Uint8Array(t * o).fill(9), true), read(draw(x)), g];
    }),
  maxPoolBackward: (shapes) =>
    poolTrials(shapes, (g, draw) => {
      const { t, o, x } = sizes(g);
      const winner = new Uint8Array(t * o);
      jsKernels().maxPool(empty(t * o), winner, draw(x), g);
      return [written(empty(x)), read(draw(t * o)), read(winner), g];
    }),
  averagePool: (shapes) =>
    poolTrials(shapes, (g, draw) => [written(empty(sizes(g).t * g[10])), read(draw(sizes(g).x)), g]),
  averagePoolBackward: (shapes) =>
    poolTrials(shapes, (g, draw) => [written(empty(sizes(g).x)), read(draw(sizes(g).t * g[10])), g]),
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
  softmaxCrossEntropy: ({ odd }) =>
    (odd
      ? ([
          [1, 2],
          [5, 10],
          [33, 100],
          [7, 1],
        ] as const)
      : ([[5000, 10]] as const)
    ).flatMap(([rows, classes]) =>
      (odd ? [normal, spoiled] : [normal]).map((draw) => {
        const labels = Int32Array.from({ length: rows }, () => random.integer(classes));
        // the first row's exponentials would overflow
        const logits = draw(rows * classes).map((x, i) => 10 * x + (i < classes ? 300 : 0));
        // gradients are at most 1 / rows, whatever the logits
        const outputs = [written(empty(rows)), { ...written(empty(rows * classes)), scale: 1 / rows }];
        return trial(`[${rows}, ${classes}]`, [...outputs, read(logits), read(labels), rows, classes], 2e-6);
      }),
    ),
  embedding: (shapes) =>
    embeddingTrials(shapes, (tokens, vocabulary, dim, draw) => {
      const [count, table] = [tokens.length, read(draw(vocabulary * dim))];
      return [written(empty(count * dim), true), read(tokens), table, count, dim];
    }),
  embeddingBackward: (shapes) =>
    embeddingTrials(shapes, (tokens, vocabulary, dim, draw) => {
      const [count, dy] = [tokens.length, read(draw(tokens.length * dim))];
      return [written(empty(vocabulary * dim)), dy, read(tokens), count, vocabulary, dim];
    }),
  layerNorm: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => [
        ...[written(empty(rows * columns)), written(empty(rows)), written(empty(rows))],
        ...[read(draw(rows * columns).map((value, i) => 3 * value + 10 * (Math.floor(i / columns) % 4)))],
        ...[read(normal(columns)), read(normal(columns)), rows, columns, 1e-5],
      ],
      5e-6,
    ),
  layerNormBackward: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => [
        ...[written(empty(rows * columns)), written(empty(columns)), written(empty(columns))],
        ...[read(draw(rows * columns)), read(draw(rows * columns)), read(normal(columns)), read(normal(rows))],
        ...[read(positive(rows)), rows, columns],
      ],
      5e-6,
    ),
  attention: (shapes) =>
    // 8: the exponentials of scores would overflow
    [1, 8].flatMap((factor) =>
      attentionTrials(shapes, factor, (qkv, batch, length, dim, heads) => {
        const outputs = [written(empty(batch * length * dim)), written(empty(batch * heads * length))];
        return [...outputs, read(qkv), batch, length, dim, heads];
      }),
    ),
  attentionBackward: (shapes) =>
    attentionTrials(shapes, 1, (qkv, batch, length, dim, heads) => {
      const logSum = empty(batch * heads * length);
      jsKernels().attention(empty(batch * length * dim), logSum, qkv, batch, length, dim, heads);
      const dy = normal(batch * length * dim);
      return [written(empty(qkv.length)), read(dy), read(qkv), read(logSum), batch, length, dim, heads];
    }),
  sgd: (shapes) => [
    ...[null, 0, 1].flatMap((nesterov) =>
      countTrials(shapes, (count, draw) => {
        const velocity = nesterov === null ? null : written(normal(count));
        const numbers = [count, 0.1, 0.9, 0.01, nesterov ?? 0] as const;
        return [written(normal(count)), velocity, read(draw(count)), ...numbers, null, 0, 0];
      }),
    ),
    ...maskTrials(shapes, (rows, k, mask, draw) => {
      const count = rows * k;
      const arrays = [written(normal(count)), written(normal(count)), read(draw(count))] as const;
      return [...arrays, count, 0.1, 0.9, 0.01, 0, read(mask), k, 0.05];
    }),
  ],
  adam: (shapes) => [
    ...countTrials(shapes, (count, draw) => [
      ...[written(normal(count)), written(normal(count)), written(positive(count)), read(draw(count)), count],
      ...[1e-2, 0.9, 0.999, 1e-8, 0.01, 0.271, 0.003, null, 0, 0],
    ]),
    ...maskTrials(shapes, (rows, k, mask, draw) => {
      const count = rows * k;
      const moments = [written(normal(count)), written(positive(count))] as const;
      const numbers = [1e-2, 0.9, 0.999, 1e-8, 0.01, 0.271, 0.003] as const;
      return [written(normal(count)), ...moments, read(draw(count)), count, ...numbers, read(mask), k, 0.05];
    }),
  ],
};

function trialsOf(name: KernelName, shapes: Shapes): readonly Trial[] {
  random = new Random(SEED, KERNEL_NAMES.indexOf(name));
  return trials[name](shapes);
}

const awkwardTrials = new Map<KernelName, readonly Trial[]>();

/** Odd: a Float32Array need not be aligned to more than its elements. */
const GUARD = 17;
const GUARD_VALUE = 123;
/** Nothing behind an array, for a sanitizer that watches the end of its memory. */
const GUARD_BEHIND = process.env.TRISPARSE_TEST_TIGHT === "1" ? 0 : GUARD;

/** Calls a kernel of one backend; returns copies of what it wrote. Throws if it wrote anywhere else. */
function call(kernels: Kernels, name: KernelName, args: readonly Argument[]): Numbers[] {
  const arrays: { whole: Numbers; view: Numbers; argument: ArrayArgument }[] = [];
  const passed = args.map((argument) => {
    if (!isArray(argument)) return argument;
    const { kind, values } = argument;
    const whole = kernels[kind](GUARD + values.length + GUARD_BEHIND).fill(GUARD_VALUE);
    const view = whole.subarray(GUARD, GUARD + values.length);
    view.set(values);
    arrays.push({ whole, view, argument });
    return view;
  });
  (kernels[name] as (...args: unknown[]) => void)(...passed);
  for (const { whole, view, argument } of arrays) {
    const outside = [...whole.subarray(0, GUARD), ...whole.subarray(GUARD + view.length)];
    if (outside.some((value) => value !== GUARD_VALUE)) throw new Error(`${name}: wrote outside of an array`);
    if (!argument.written && !sameBits(view, argument.values)) throw new Error(`${name}: wrote to an input`);
  }
  return arrays.filter(({ argument }) => argument.written).map(({ view }) => view.slice());
}

function sameBits(a: Numbers, b: Numbers): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
}

/** The largest magnitude that is a number. */
const largestOf = (array: Numbers): number =>
  (array as Float32Array).reduce(
    (most, value) => (Math.abs(value) < Infinity ? Math.max(most, Math.abs(value)) : most),
    0,
  );

/** The sums of magnitudes behind the outputs of a kernel that is a sum of products. */
function magnitudesOf(name: KernelName, args: readonly Argument[]): Numbers[] {
  const absolute = (argument: Argument): Argument =>
    isArray(argument) && argument.kind === "float32"
      ? { ...argument, values: (argument.values as Float32Array).map(Math.abs) }
      : argument;
  return call(jsKernels(), name, args.map(absolute));
}

interface Answer {
  readonly wanted: readonly Numbers[];
  readonly magnitudes: readonly Numbers[] | undefined;
  readonly multiplies: number;
}
const answers = new WeakMap<Trial, Answer>();

/** What the oracle says, asked once for all backends of a process: it takes most of the time. */
function answerTo(name: KernelName, one: Trial): Answer {
  const known = answers.get(one);
  if (known !== undefined) return known;
  const oracle = jsKernels();
  const wanted = call(oracle, name, one.args);
  const multiplies = oracle.multiplies();
  const answer = { wanted, multiplies, magnitudes: one.linear ? magnitudesOf(name, one.args) : undefined };
  answers.set(one, answer);
  return answer;
}

/** Runs a trial on a backend and the oracle; throws where they differ. */
function check(kernels: Kernels, name: KernelName, one: Trial): void {
  const { about, args, tolerance } = one;
  const { wanted, magnitudes, multiplies } = answerTo(name, one);
  const before = kernels.multiplies();
  const got = call(kernels, name, args);
  const executed = kernels.multiplies() - before;
  const where = `${name} ${about} (TRISPARSE_TEST_SEED=${SEED})`;
  if (executed !== multiplies) throw new Error(`${where}: ${executed} multiply-adds, the oracle has ${multiplies}`);
  const arrays = args.filter(isArray);
  // the words of a mask and the indices of a pack are not magnitudes
  const numbers = arrays.filter(({ kind }) => kind === "float32" || kind === "float64");
  const largestInput = Math.max(0, ...numbers.map(({ values }) => largestOf(values)));
  arrays
    .filter((argument) => argument.written)
    .forEach(({ exact, scale }, output) => {
      const largest = scale ?? Math.max(largestInput, largestOf(wanted[output]));
      wanted[output].forEach((value: number, i: number) => {
        const allowed = exact ? 0 : tolerance * (magnitudes?.[output][i] ?? largest) + 1e-30;
        const same =
          exact || !Number.isFinite(value)
            ? Object.is(got[output][i], value)
            : Math.abs(got[output][i] - value) <= allowed;
        if (same) return;
        const found = `${got[output][i]}, the oracle has ${value} +- ${allowed}`;
        throw new Error(`${where}: output ${output} at ${i}: ${found}`);
      });
    });
}

/** A sparse product and the dense one that it must equal, from weights that the backend itself prunes. */
function sparseAndDense(
  kernels: Kernels,
  n: number,
  m: number,
  v: number,
  g: Geometry,
): { sparse: [KernelName, Argument[]]; dense: [KernelName, Argument[]] }[] {
  const { t, i, o, x } = sizes(g);
  const [channels, taps] = [g[3], g[4] * g[5]];
  const prune = (rows: number, k: number): [Float32Array, Uint8Array, Uint32Array, Float32Array] => {
    const slots = Math.ceil(rows / v) * (k / m) * n;
    const outputs = [empty(slots * v), new Uint8Array(slots), new Uint32Array(rows * maskWords(k)), empty(rows * k)];
    const args = [...outputs.map((array) => written(array)), read(normal(rows * k)), rows, k, n, m, v, 0];
    return call(kernels, "pruneRows", args) as [Float32Array, Uint8Array, Uint32Array, Float32Array];
  };
  const [images, grads, dense] = [read(normal(x)), read(normal(t * o)), read(normal(o * channels))];
  const w = prune(o, i);
  const transposed = prune(channels, taps * o);
  const backwards = Float32Array.from({ length: o * i }, (_, at) => {
    const [row, tap, c] = [Math.floor(at / i), Math.floor((at % i) / channels), at % channels];
    return transposed[3][c * taps * o + tap * o + row];
  });
  const dy = prune(o, t);
  const activations = prune(t, channels);
  const matrix = matrixGeometry(t, channels, o);
  const dyDense = Float32Array.from({ length: t * o }, (_, at) => dy[3][(at % o) * t + Math.floor(at / o)]);
  const packed = ([values, index]: readonly Numbers[]): Argument[] => [read(values), read(index)];
  return [
    {
      sparse: ["forwardSparse", [written(empty(t * o)), images, ...packed(w), null, g, 0, n, m, v]],
      dense: ["forward", [written(empty(t * o)), images, read(w[3]), null, g, 0]],
    },
    {
      sparse: ["inputGradSparse", [written(empty(x)), grads, ...packed(transposed), g, n, m, v]],
      dense: ["inputGrad", [written(empty(x)), grads, read(backwards), g]],
    },
    {
      sparse: ["weightGradSparse", [written(empty(o * i)), ...packed(dy), images, g, n, m, v]],
      dense: ["weightGrad", [written(empty(o * i)), read(dyDense), images, g]],
    },
    {
      sparse: [
        "forwardSparseActivations",
        [written(empty(t * o)), ...packed(activations), dense, null, t, channels, o, 0, n, m, v],
      ],
      dense: ["forward", [written(empty(t * o)), read(activations[3]), dense, null, matrix, 0]],
    },
  ];
}

/** Registers the suite for one backend. Every kernel of KERNEL_NAMES has its trials, or this file does not compile. */
export function kernelConformance(backend: string, make: () => Kernels): void {
  describe(`kernels of ${backend}`, () => {
    for (const name of KERNEL_NAMES) {
      test(`${name} agrees with the oracle and stays within its arrays`, () => {
        const kernels = make();
        const list = awkwardTrials.get(name) ?? trialsOf(name, awkward);
        awkwardTrials.set(name, list);
        expect(list.length).toBeGreaterThan(0);
        for (const one of list) check(kernels, name, one);
      });
    }

    test("a sparse product equals the dense one with the masked operand, at n of m multiply-adds", () => {
      const kernels = make();
      random = new Random(SEED, 1000);
      for (const g of [matrixGeometry(48, 144, 96), conv(3, 8, 8, 48, 3, 1, 1, 48)]) {
        for (const [n, m] of ALL_PATTERNS) {
          for (const v of [1, 2, 4]) {
            for (const { sparse, dense } of sparseAndDense(kernels, n, m, v, g)) {
              const [got, sparseCount] = counted(kernels, ...sparse);
              const [wanted, denseCount] = counted(kernels, ...dense);
              const magnitudes = magnitudesOf(...dense)[0];
              got.forEach((value: number, i: number) => {
                const off = Math.abs(value - wanted[i]);
                if (!(off <= 2e-6 * magnitudes[i]))
                  throw new Error(`${sparse[0]} ${n}:${m}v${v} at ${i}: off by ${off}`);
              });
              expect(sparseCount).toBe((denseCount / m) * n);
            }
          }
        }
      }
    });

    test("NaN passes through every ReLU and wins every maximum", () => {
      const kernels = make();
      const nan = Float32Array.of(Number.NaN, -1, 1, 2);
      const first = (name: KernelName, ...args: Argument[]): number => call(kernels, name, args)[0][0];
      const y = written(empty(4));
      const [ones, zeros] = [read(Float32Array.of(1, 1)), read(Float32Array.of(0, 0))];
      expect(first("relu", y, read(nan), 4)).toBeNaN();
      expect(first("add", y, read(nan), read(nan), 4, 1)).toBeNaN();
      expect(
        first("forward", y, read(nan), read(Float32Array.of(1, 0, 0, 1)), null, matrixGeometry(2, 2, 2), 1),
      ).toBeNaN();
      expect(first("batchNormInfer", y, read(nan), ones, zeros, zeros, ones, 2, 2, 1e-5, 1)).toBeNaN();
      const window = conv(1, 2, 2, 1, 2, 2, 0, 1);
      expect(first("maxPool", written(empty(1)), written(new Uint8Array(1)), read(nan), window)).toBeNaN();
      // no gradient flows back through what is not above zero, NaN included
      expect(first("reluBackward", y, read(nan.toReversed()), read(nan), 4)).toBe(0);
    });

    test("weights that are all NaN keep the first n of m", () => {
      const kernels = make();
      for (const [n, m] of ALL_PATTERNS) {
        for (const v of [1, 2, 4]) {
          const [rows, k] = [6, 16 * m];
          const w = new Float32Array(rows * k).fill(Number.NaN);
          const slots = Math.ceil(rows / v) * 16 * n;
          const outputs = [empty(slots * v), new Uint8Array(slots), new Uint32Array(rows * maskWords(k))];
          const args = [...outputs.map((array) => written(array)), null, read(w), rows, k, n, m, v, 0];
          const mask = call(kernels, "pruneRows", args)[2];
          for (let row = 0; row < rows; row++) {
            for (let j = 0; j < k; j++) {
              const bit = (mask[row * maskWords(k) + (j >>> 5)] >>> (j & 31)) & 1;
              if (bit !== (j % m < n ? 1 : 0)) throw new Error(`${n}:${m}v${v}: bit ${j} of row ${row} is ${bit}`);
            }
          }
        }
      }
    });

    test("a transposable mask keeps two of every row and column, as large as any of the 90 patterns, and packs both ways", () => {
      const kernels = make();
      random = new Random(SEED, 1002);
      const [rows, k] = [24, 60];
      const w = normal(rows * k);
      const mask = call(kernels, "pruneTransposable", [
        ...[written(new Uint32Array(rows * maskWords(k))), read(w), rows, k, 2, 4, 0],
      ])[0];
      const bit = (row: number, column: number): number =>
        (mask[row * maskWords(k) + (column >>> 5)] >>> (column & 31)) & 1;
      const pairs = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100];
      const patterns: number[][] = [];
      for (let code = 0; code < 6 ** 4; code++) {
        const pattern = [0, 1, 2, 3].map((row) => pairs[Math.floor(code / 6 ** row) % 6]);
        if ([0, 1, 2, 3].every((c) => pattern.filter((bits) => (bits >> c) & 1).length === 2)) patterns.push(pattern);
      }
      expect(patterns.length).toBe(90);
      for (let row = 0; row < rows; row += 4) {
        for (let column = 0; column < k; column += 4) {
          const sum = (kept: (r: number, c: number) => number): number => {
            let total = 0;
            for (let at = 0; at < 16; at++) {
              const [r, c] = [at >> 2, at & 3];
              if (kept(r, c)) total += Math.abs(w[(row + r) * k + column + c]);
            }
            return total;
          };
          const got = [0, 1, 2, 3].map((r) =>
            [0, 1, 2, 3].reduce((bits, c) => bits | (bit(row + r, column + c) << c), 0),
          );
          expect(patterns).toContainEqual(got);
          const most = Math.max(...patterns.map((pattern) => sum((r, c) => (pattern[r] >> c) & 1)));
          expect(sum((r, c) => bit(row + r, column + c))).toBeGreaterThan(most * (1 - 1e-6));
        }
      }
      const slots = (rows * k) / 2;
      const outputs = [written(empty(slots)), written(new Uint8Array(slots))];
      call(kernels, "packRows", [...outputs, null, read(w), read(mask), rows, k, 2, 4, 1, 0]);
      // throws in the oracle where a column does not keep two of four
      call(kernels, "pruneColumns", [...outputs, read(w), read(mask), null, k / 3, 3 * rows, 3, 2, 4, 1]);
    });

    test("outputs may be inputs where the contract says so", () => {
      const kernels = make();
      random = new Random(SEED, 1001);
      const [a, b] = [normal(1000), normal(1000)];
      const copy = (values: Float32Array): Float32Array => {
        const array = kernels.float32(values.length);
        array.set(values);
        return array;
      };
      const sum = Float32Array.from(a, (value, i) => value + b[i]);
      for (const place of [0, 1]) {
        const arrays = [copy(a), copy(b)];
        kernels.add(arrays[place], arrays[0], arrays[1], 1000, 0);
        expect(sameBits(arrays[place], sum)).toBe(true);
      }
      const gradient = copy(a);
      kernels.reluBackward(gradient, gradient, copy(b), 1000);
      expect(
        sameBits(
          gradient,
          a.map((value, i) => (b[i] > 0 ? value : 0)),
        ),
      ).toBe(true);
    });
  });
}

function counted(kernels: Kernels, name: KernelName, args: readonly Argument[]): [Numbers, number] {
  const before = kernels.multiplies();
  const [output] = call(kernels, name, args);
  return [output, kernels.multiplies() - before];
}

/** Registers a test for each kernel: the backends of a group give the same bits, on shapes that are split between threads. */
export function sameBitsConformance(groups: Readonly<Record<string, readonly (() => Kernels)[]>>): void {
  test.each(KERNEL_NAMES)("%s gives the same bits with any number of threads", (name) => {
    const list = trialsOf(name, large);
    for (const [group, makes] of Object.entries(groups)) {
      const [wanted, ...others] = makes.map((make) => {
        // made once, not for each call: a thread pool is started again each time its size changes
        const kernels = make();
        return list.map(({ args }) => call(kernels, name, args));
      });
      for (const got of others) {
        list.forEach(({ about }, i) => {
          got[i].forEach((array, output) => {
            if (sameBits(array, wanted[i][output])) return;
            throw new Error(`${name} ${about} of ${group}: output ${output} differs`);
          });
        });
      }
    }
  });
}
