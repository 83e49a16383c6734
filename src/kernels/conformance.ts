/**
 * The suite that every backend passes: each kernel of KERNEL_NAMES against the oracle, on awkward shapes.
 * Masks, packs, winners and draws must be bit-identical; sums may differ by `tolerance` times the sum of the magnitudes
 * that went into them (for kernels that are not sums: times the largest number that went in or came out). Every array lies between guard words.
 */
import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { jsKernels } from "./js.ts";
import {
  type Geometry,
  KERNEL_NAMES,
  type KernelName,
  type Kernels,
  maskWords,
  matrixGeometry,
  packBlock,
} from "./kernels.ts";

type Numbers = Float32Array | Float64Array | Uint8Array | Uint32Array | Int32Array;
type Kind = "float32" | "float64" | "uint8" | "uint32" | "int32";
/** An array argument; written: compared after the call. exact: bit for bit. */
interface ArrayArgument {
  readonly kind: Kind;
  readonly values: Numbers;
  readonly written: boolean;
  readonly exact: boolean;
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

const random = new Random(20_261_121);
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
const empty = (length: number): Float32Array => new Float32Array(length).fill(77);
/** Few distinct values, zeros of both signs: ties everywhere. */
const tied = (length: number): Float32Array =>
  Float32Array.from({ length }, () => [0, -0, 1, -1, 2, -2, 0.5][random.integer(7)]);
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

const matrices = [
  ...[
    [1, 1, 1],
    [5, 17, 3],
    [33, 64, 65],
    [17, 200, 10],
    [63, 100, 130],
    [100, 300, 31],
    [6, 784, 20],
  ],
].map(([t, i, o]) => matrixGeometry(t, i, o));
const convolutions = [
  ...[
    conv(2, 5, 6, 3, 3, 1, 1, 4),
    conv(1, 7, 5, 8, 3, 2, 1, 20),
    conv(2, 6, 6, 20, 1, 1, 0, 7),
    conv(2, 6, 5, 16, 1, 2, 0, 9),
  ],
  ...[
    conv(1, 9, 8, 5, 5, 1, 2, 17),
    conv(1, 8, 8, 64, 3, 1, 1, 33),
    conv(1, 3, 3, 1100, 3, 1, 1, 5),
    conv(1, 4, 4, 3, 2, 2, 0, 1100),
  ],
];
const geometries = [...matrices, ...convolutions];
const patterns = [
  [1, 2],
  [2, 4],
  [4, 8],
  [1, 4],
  [2, 8],
  [1, 8],
  [1, 16],
  [3, 6],
  [3, 4],
  [8, 16],
];

/** A weight matrix pruned by the oracle. */
function pack(rows: number, k: number, n: number, m: number, v: number, w: Float32Array = normal(rows * k)) {
  const count = Math.ceil(rows / v) * (k / m) * n;
  const values = new Float32Array(count * v);
  const index = new Uint8Array(count);
  const mask = new Uint32Array(rows * maskWords(k));
  const masked = new Float32Array(rows * k);
  jsKernels().pruneRows(values, index, mask, masked, w, rows, k, n, m, v);
  return { values, index, mask, masked, w };
}

/** Sparse products of shapes that each pattern divides: `shape` gives the geometry for a multiple of m. */
function packedTrials(
  shape: (m: number) => readonly Geometry[],
  build: (g: Geometry, n: number, m: number, v: number) => readonly Argument[],
): Trial[] {
  return patterns.flatMap(([n, m]) =>
    [1, 2, 4].flatMap((v) => shape(m).map((g) => trial(`${n}:${m}v${v} ${[...g]}`, build(g, n, m, v), 1e-6, true))),
  );
}

function pruneTrials(
  arrays: (rows: number, k: number, n: number, m: number, v: number, w: Float32Array) => readonly Argument[],
): Trial[] {
  return patterns.flatMap(([n, m]) =>
    [1, 2, 4].flatMap((v) =>
      [
        [1, m],
        [5, 3 * m],
        [7, 16 * m],
        [18, 17 * m],
        [9, packBlock(m)],
        [33, 2 * packBlock(m) + 5 * m],
      ].flatMap(([rows, k]) =>
        [normal, tied].map((draw) => trial(`${n}:${m}v${v} [${rows}, ${k}]`, arrays(rows, k, n, m, v, draw(rows * k)))),
      ),
    ),
  );
}

const counts = [1, 5, 16, 33, 1000, 20_000];
const pools = [
  conv(2, 6, 6, 3, 2, 2, 0, 3),
  conv(1, 5, 7, 17, 3, 2, 1, 17),
  conv(2, 4, 4, 64, 4, 4, 0, 64),
  conv(1, 7, 7, 2, 3, 1, 1, 2),
];
const tables = [
  [1, 1],
  [4, 3],
  [33, 17],
  [600, 20],
  [1200, 64],
];

const trials: Record<KernelName, () => Trial[]> = {
  forward: () =>
    geometries.flatMap((g) =>
      [0, 1].map((relu) => {
        const { t, i, o, x } = sizes(g);
        const bias = relu ? read(normal(o)) : null;
        return trial(
          `${[...g]} relu ${relu}`,
          [written(empty(t * o)), read(normal(x)), read(normal(o * i)), bias, g, relu],
          1e-6,
          true,
        );
      }),
    ),
  inputGrad: () =>
    geometries.map((g) => {
      const { t, i, o, x } = sizes(g);
      return trial(`${[...g]}`, [written(empty(x)), read(normal(t * o)), read(normal(o * i)), g], 1e-6, true);
    }),
  weightGrad: () =>
    [...geometries, matrixGeometry(5000, 20, 9), conv(3, 40, 40, 4, 3, 1, 1, 6)].map((g) => {
      const { t, i, o, x } = sizes(g);
      return trial(`${[...g]}`, [written(empty(o * i)), read(normal(t * o)), read(normal(x)), g], 1e-6, true);
    }),
  forwardSparse: () =>
    packedTrials(
      (m) => [
        matrixGeometry(33, 9 * m, 37),
        matrixGeometry(70, packBlock(m) + m, 5),
        conv(1, 5, 6, 2 * m, 3, 1, 1, 19),
        conv(1, 6, 5, m, 3, 2, 1, 6),
      ],
      (g, n, m, v) => {
        const { t, i, o, x } = sizes(g);
        const { values, index } = pack(o, i, n, m, v);
        return [written(empty(t * o)), read(normal(x)), read(values), read(index), read(normal(o)), g, 0, n, m, v];
      },
    ),
  inputGradSparse: () =>
    packedTrials(
      (m) => [matrixGeometry(33, 37, 9 * m), conv(1, 5, 6, 19, 3, 1, 1, 2 * m), conv(1, 6, 5, 6, 3, 2, 1, m)],
      (g, n, m, v) => {
        const { t, o, x } = sizes(g);
        const { values, index } = pack(g[3], g[4] * g[5] * o, n, m, v);
        return [written(empty(x)), read(normal(t * o)), read(values), read(index), g, n, m, v];
      },
    ),
  weightGradSparse: () =>
    packedTrials(
      (m) => [matrixGeometry(9 * m, 37, 21), conv(m, 4, 4, 5, 3, 1, 1, 7), matrixGeometry(320 * m, 10, 5)],
      (g, n, m, v) => {
        const { t, i, o, x } = sizes(g);
        const { values, index } = pack(o, t, n, m, v);
        return [written(empty(o * i)), read(values), read(index), read(normal(x)), g, n, m, v];
      },
    ),
  pruneRows: () =>
    pruneTrials((rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [
        ...[written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)],
        ...[written(new Uint32Array(rows * maskWords(k)).fill(7), true), masked, read(w), rows, k, n, m, v],
      ];
    }),
  packRows: () =>
    pruneTrials((rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const { mask } = pack(rows, k, n, m, v);
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true), masked];
      return [...outputs, read(w), read(mask), rows, k, n, m, v];
    }),
  maskedDecay: () =>
    [
      [3, 4],
      [5, 36],
      [17, 132],
    ].map(([rows, k]) => {
      const { mask } = pack(rows, k, 2, 4, 1);
      return trial(`[${rows}, ${k}]`, [written(normal(rows * k)), read(normal(rows * k)), read(mask), rows, k, 0.01]);
    }),
  applyMask: () =>
    [
      [3, 4],
      [5, 36],
      [17, 132],
    ].map(([rows, k]) => {
      const { mask } = pack(rows, k, 2, 4, 1);
      return trial(`[${rows}, ${k}]`, [written(normal(rows * k), true), read(mask), rows, k]);
    }),
  add: () =>
    counts.flatMap((count) =>
      [0, 1].map((relu) =>
        trial(`${count}`, [written(empty(count), true), read(normal(count)), read(normal(count)), count, relu]),
      ),
    ),
  scale: () => counts.map((count) => trial(`${count}`, [written(normal(count), true), count, 0.3])),
  sumOfSquares: () =>
    counts.map((count) => trial(`${count}`, [written(new Float64Array(1)), read(normal(count)), count], 1e-12)),
  columnSums: () =>
    tables.map(([rows, columns]) =>
      trial(
        `[${rows}, ${columns}]`,
        [written(empty(columns)), read(normal(rows * columns)), rows, columns],
        1e-6,
        true,
      ),
    ),
  relu: () => counts.map((count) => trial(`${count}`, [written(empty(count), true), read(tied(count)), count])),
  reluBackward: () =>
    counts.map((count) =>
      trial(`${count}`, [written(empty(count), true), read(normal(count)), read(tied(count)), count]),
    ),
  gelu: () =>
    counts.map((count) => trial(`${count}`, [written(empty(count)), read(normal(count).map((x) => 4 * x)), count])),
  geluBackward: () =>
    counts.map((count) =>
      trial(`${count}`, [written(empty(count)), read(normal(count)), read(normal(count).map((x) => 4 * x)), count]),
    ),
  dropout: () =>
    counts.flatMap((count) =>
      [0, 0.1, 0.5].map((p) =>
        trial(`${count}, ${p}`, [written(empty(count), true), read(normal(count)), count, p, 12345, -7, count]),
      ),
    ),
  resizeChannels: () =>
    [
      [3, 4, 9],
      [7, 9, 4],
      [5, 16, 16],
    ].map(([rows, from, to]) =>
      trial(`${from} to ${to}`, [written(empty(rows * to), true), read(normal(rows * from)), rows, from, to]),
    ),
  batchNorm: () =>
    tables.slice(1).flatMap(([rows, channels]) =>
      [0, 1].map((relu) => {
        const x = normal(rows * channels).map((value, i) => 3 * value + 50 * (i % channels));
        const outputs = [
          written(empty(rows * channels)),
          written(empty(channels)),
          written(empty(channels)),
          written(normal(channels)),
          written(positive(channels)),
        ];
        return trial(
          `[${rows}, ${channels}]`,
          [...outputs, read(x), read(normal(channels)), read(normal(channels)), rows, channels, 1e-5, 0.1, relu],
          2e-5,
        );
      }),
    ),
  batchNormInfer: () =>
    tables.flatMap(([rows, channels]) =>
      [0, 1].map((relu) => {
        const given = [
          normal(rows * channels),
          normal(channels),
          normal(channels),
          normal(channels),
          positive(channels),
        ].map(read);
        return trial(
          `[${rows}, ${channels}]`,
          [written(empty(rows * channels)), ...given, rows, channels, 1e-5, relu],
          2e-6,
        );
      }),
    ),
  batchNormBackward: () =>
    tables.slice(1).flatMap(([rows, channels]) =>
      [0, 1].map((relu) => {
        const outputs = [written(empty(rows * channels)), written(empty(channels)), written(empty(channels))];
        const y = relu ? read(normal(rows * channels)) : null;
        const given = [normal(rows * channels), normal(channels), normal(channels), positive(channels)].map(read);
        return trial(
          `[${rows}, ${channels}]`,
          [...outputs, read(normal(rows * channels)), y, ...given, rows, channels],
          5e-6,
        );
      }),
    ),
  maxPool: () =>
    pools.flatMap((g) =>
      [normal, tied].map((draw) => {
        const { t, o, x } = sizes(g);
        return trial(`${[...g]}`, [
          written(empty(t * o), true),
          written(new Uint8Array(t * o).fill(9), true),
          read(draw(x)),
          g,
        ]);
      }),
    ),
  maxPoolBackward: () =>
    pools.map((g) => {
      const { t, o, x } = sizes(g);
      const winner = new Uint8Array(t * o);
      jsKernels().maxPool(empty(t * o), winner, normal(x), g);
      return trial(`${[...g]}`, [written(empty(x)), read(normal(t * o)), read(winner), g]);
    }),
  averagePool: () =>
    pools.map((g) => trial(`${[...g]}`, [written(empty(sizes(g).t * g[10])), read(normal(sizes(g).x)), g])),
  averagePoolBackward: () =>
    pools.map((g) => trial(`${[...g]}`, [written(empty(sizes(g).x)), read(normal(sizes(g).t * g[10])), g])),
  softmaxCrossEntropy: () =>
    [
      [1, 2],
      [5, 10],
      [33, 100],
    ].map(([rows, classes]) => {
      const labels = Int32Array.from({ length: rows }, () => random.integer(classes));
      const logits = normal(rows * classes).map((x, i) => 10 * x + (i < classes ? 300 : 0));
      return trial(
        `[${rows}, ${classes}]`,
        [written(empty(rows)), written(empty(rows * classes)), read(logits), read(labels), rows, classes],
        2e-6,
      );
    }),
  sgd: () =>
    counts.flatMap((count) =>
      [null, 0, 1].map((nesterov) => {
        const velocity = nesterov === null ? null : written(normal(count));
        return trial(`${count}`, [
          written(normal(count)),
          velocity,
          read(normal(count)),
          count,
          0.1,
          0.9,
          0.01,
          nesterov ?? 0,
        ]);
      }),
    ),
  adam: () =>
    counts.map((count) =>
      trial(`${count}`, [
        written(normal(count)),
        written(normal(count)),
        written(positive(count)),
        read(normal(count)),
        count,
        1e-2,
        0.9,
        0.999,
        1e-8,
        0.01,
        0.271,
        0.003,
      ]),
    ),
};

const GUARD = 16;
const GUARD_VALUE = 123;

/** Calls a kernel of one backend; returns the written arrays. Throws if a guard word was overwritten. */
function call(kernels: Kernels, name: KernelName, args: readonly Argument[]): Numbers[] {
  const guarded: { whole: Numbers; length: number }[] = [];
  const outputs: Numbers[] = [];
  const passed = args.map((argument) => {
    if (argument === null || typeof argument === "number" || argument instanceof Int32Array) return argument;
    const { kind, values } = argument;
    const whole = kernels[kind](values.length + 2 * GUARD).fill(GUARD_VALUE);
    const view = whole.subarray(GUARD, GUARD + values.length);
    view.set(values);
    guarded.push({ whole, length: values.length });
    if (argument.written) outputs.push(view);
    return view;
  });
  (kernels[name] as (...args: unknown[]) => void)(...passed);
  for (const { whole, length } of guarded) {
    const outside = [...whole.subarray(0, GUARD), ...whole.subarray(GUARD + length)];
    if (outside.some((value) => value !== GUARD_VALUE)) throw new Error(`${name}: wrote outside of an array`);
  }
  return outputs;
}

function check(kernels: Kernels, name: KernelName, { about, args, tolerance, linear }: Trial): void {
  const oracle = jsKernels();
  const got = call(kernels, name, args);
  const wanted = call(oracle, name, args);
  const absolute = (argument: Argument): Argument =>
    isArray(argument) && argument.kind === "float32"
      ? { ...argument, values: (argument.values as Float32Array).map(Math.abs) }
      : argument;
  const magnitudes = linear ? call(oracle, name, args.map(absolute)) : undefined;
  const outputs = args.filter(isArray).filter((argument) => argument.written);
  const largestOf = (array: Numbers): number =>
    (array as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const largestInput = Math.max(0, ...args.filter(isArray).map(({ values }) => largestOf(values)));
  wanted.forEach((array, output) => {
    const largest = Math.max(largestInput, largestOf(array));
    for (let i = 0; i < array.length; i++) {
      const scale = magnitudes?.[output][i] ?? largest;
      const allowed = outputs[output].exact ? 0 : tolerance * scale + 1e-30;
      if (!(Math.abs(got[output][i] - array[i]) <= allowed)) {
        throw new Error(
          `${name} ${about}: output ${output} at ${i}: ${got[output][i]}, the oracle has ${array[i]} +- ${allowed}`,
        );
      }
    }
  });
}

/** Registers the suite for one backend. */
export function kernelConformance(backend: string, make: () => Kernels): void {
  describe(`kernels of ${backend}`, () => {
    for (const name of KERNEL_NAMES) {
      test(`${name} agrees with the oracle and stays within its arrays`, () => {
        const kernels = make();
        const list = trials[name]();
        expect(list.length).toBeGreaterThan(0);
        for (const one of list) check(kernels, name, one);
      });
    }

    test("a sparse product executes n of m multiply-adds", () => {
      const kernels = make();
      const g = matrixGeometry(64, 256, 32);
      const { values, index } = pack(32, 256, 2, 4, 1);
      const dense = counted(kernels, "forward", [
        written(empty(64 * 32)),
        read(normal(64 * 256)),
        read(normal(32 * 256)),
        null,
        g,
        0,
      ]);
      const sparse = counted(kernels, "forwardSparse", [
        written(empty(64 * 32)),
        read(normal(64 * 256)),
        read(values),
        read(index),
        null,
        g,
        0,
        2,
        4,
        1,
      ]);
      expect(dense).toBe(64 * 256 * 32);
      expect(sparse).toBe(dense / 2);
    });

    test("a sparse product equals the dense one with the masked weights", () => {
      const kernels = make();
      const g = matrixGeometry(50, 260, 36);
      const x = normal(50 * 260);
      for (const [n, m, v] of [
        [2, 4, 1],
        [2, 4, 2],
        [1, 4, 4],
      ]) {
        const { values, index, masked } = pack(36, 260, n, m, v);
        const [sparse] = call(kernels, "forwardSparse", [
          written(empty(50 * 36)),
          read(x),
          read(values),
          read(index),
          null,
          g,
          0,
          n,
          m,
          v,
        ]);
        const [dense] = call(kernels, "forward", [written(empty(50 * 36)), read(x), read(masked), null, g, 0]);
        sparse.forEach((value: number, i: number) => {
          expect(Math.abs(value - dense[i])).toBeLessThan(1e-4);
        });
      }
    });

    test("NaN passes through every ReLU and wins every maximum", () => {
      const kernels = make();
      const nan = Float32Array.of(Number.NaN, -1, 1, 2);
      const g = matrixGeometry(2, 2, 2);
      const unit = Float32Array.of(1, 0, 0, 1);
      expect(call(kernels, "relu", [written(empty(4)), read(nan), 4])[0][0]).toBeNaN();
      expect(call(kernels, "add", [written(empty(4)), read(nan), read(nan), 4, 1])[0][0]).toBeNaN();
      expect(call(kernels, "forward", [written(empty(4)), read(nan), read(unit), null, g, 1])[0][0]).toBeNaN();
      expect(
        call(kernels, "maxPool", [
          written(empty(1)),
          written(new Uint8Array(1)),
          read(nan),
          conv(1, 2, 2, 1, 2, 2, 0, 1),
        ])[0][0],
      ).toBeNaN();
    });

    test("weights that are NaN still keep exactly n of m", () => {
      const kernels = make();
      for (const [n, m] of patterns) {
        for (const v of [1, 2, 4]) {
          const [rows, k] = [8, 16 * m];
          const w = normal(rows * k).map((value, i) => (i % 3 === 0 ? Number.NaN : value));
          const slots = (rows / v) * 16 * n;
          const args = [
            written(empty(slots * v)),
            written(new Uint8Array(slots)),
            written(new Uint32Array(rows * maskWords(k))),
            null,
            read(w),
            rows,
            k,
            n,
            m,
            v,
          ];
          const mask = call(kernels, "pruneRows", args)[2] as Uint32Array;
          for (let row = 0; row < rows; row++) {
            for (let column = 0; column < k; column += m) {
              let kept = 0;
              for (let j = column; j < column + m; j++) kept += (mask[row * maskWords(k) + (j >>> 5)] >>> (j & 31)) & 1;
              expect(kept).toBe(n);
            }
          }
        }
      }
    });
  });
}

function counted(kernels: Kernels, name: KernelName, args: readonly Argument[]): number {
  const before = kernels.multiplies();
  call(kernels, name, args);
  return kernels.multiplies() - before;
}

/** Runs every trial of every kernel: the written arrays, for comparing thread counts bit for bit. */
export function allResults(make: () => Kernels, list: ReadonlyMap<KernelName, readonly Trial[]>): Numbers[][] {
  const kernels = make();
  return [...list].flatMap(([name, of]) => of.map(({ args }) => call(kernels, name, args)));
}

/** Every trial, and larger products that really are split between threads. */
export function allTrials(): ReadonlyMap<KernelName, readonly Trial[]> {
  const list = new Map(KERNEL_NAMES.map((name) => [name, trials[name]()]));
  for (const g of [matrixGeometry(300, 512, 400), conv(4, 32, 32, 16, 3, 1, 1, 32)]) {
    const { t, i, o, x } = sizes(g);
    const { values, index } = pack(o, i, 2, 4, 1);
    list
      .get("forward")!
      .push(trial("large", [written(empty(t * o)), read(normal(x)), read(normal(o * i)), null, g, 1]));
    list.get("inputGrad")!.push(trial("large", [written(empty(x)), read(normal(t * o)), read(normal(o * i)), g]));
    list.get("weightGrad")!.push(trial("large", [written(empty(o * i)), read(normal(t * o)), read(normal(x)), g]));
    list
      .get("forwardSparse")!
      .push(trial("large", [written(empty(t * o)), read(normal(x)), read(values), read(index), null, g, 1, 2, 4, 1]));
  }
  return list;
}
