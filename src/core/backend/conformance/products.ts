/** Trials of the products, dense and sparse. */
import { expect, test } from "vitest";
import { maskWords } from "../families/masks.ts";
import type { Pattern } from "../families/packs.ts";
import type { CompressedRows, ProductKernels } from "../families/products.ts";
import { type Geometry, matrixGeometry } from "../geometry.ts";
import type { KernelName, Kernels } from "../kernels.ts";
import type { Numbers } from "../positions.ts";
import { call, counted, magnitudesOf } from "./check.ts";
import { compressedRows, fewRows, pack, readPack, slices, writtenPack } from "./operands.ts";
import { ALL_PATTERNS, conv, isMatrix, type Shapes, sizes } from "./shapes.ts";
import {
  type Argument,
  type ArgumentObject,
  type Draw,
  empty,
  normal,
  oneOf,
  read,
  reseed,
  spoiled,
  type Trial,
  type Trials,
  trial,
  written,
} from "./trials.ts";

/**
 * Trials of products with a packed operand of [rows, k], with the dense operand drawn once without and once with NaN.
 * sizeOf gives rows, k, and the length that m must divide if it is not k.
 */
function packedTrials(
  { packed, patterns, odd }: Shapes,
  sizeOf: (g: Geometry) => readonly [rows: number, k: number, along?: number],
  build: (g: Geometry, packed: ArgumentObject, draw: Draw) => readonly Argument[],
): Trial[] {
  const list: Trial[] = [];
  for (const [n, m] of patterns) {
    for (const v of [1, 2, 4]) {
      const shapes = packed(m, (g) => (sizeOf(g)[2] ?? sizeOf(g)[1]) % m === 0);
      shapes.forEach((g, i) => {
        // the last shapes are the random ones
        const draw = odd && i === shapes.length - 1 ? spoiled : normal;
        const [rows, k] = sizeOf(g);
        const operand = readPack(pack(rows, k, { n, m, v }));
        list.push(trial(`${n}:${m}v${v} ${[...g]}`, build(g, operand, draw), 1e-6, true));
      });
    }
  }
  return list;
}

/**
 * Trials of dense products from build(geometry, draw of the images or their gradients, draw of the operand that padding
 * multiplies).
 */
function denseTrials(
  { geometries, odd }: Shapes,
  build: (g: Geometry, draw: Draw, other: Draw) => readonly Argument[],
): Trial[] {
  return geometries().flatMap((g) => {
    const draws: [Draw, Draw][] = [[normal, normal]];
    if (odd) draws.push([spoiled, normal]);
    // the contract does not say whether NaN times the zeros of padding counts
    if (odd && isMatrix(g)) draws.push([normal, spoiled]);
    return draws.map(([one, other]) => trial(`${[...g]} ${one.name} ${other.name}`, build(g, one, other), 1e-6, true));
  });
}

/** The masks of weightGradAlternate. */
const FIXED_MASKS = [0, 1, 2, 3, 4, 5, 6, 7, 8];

const readRows = ({ values, index, starts }: CompressedRows): ArgumentObject => ({
  ...{ values: read(values), index: read(index), starts: read(starts) },
});

export const productTrials: Trials<ProductKernels> = {
  forward: (shapes) =>
    [0, 1].flatMap((relu) =>
      denseTrials(shapes, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const bias = relu ? read(other(o)) : null;
        return [written(empty(t * o)), read(draw(x)), read(other(o * i)), bias, g, relu];
      }),
    ),
  inputGrad: (shapes) =>
    denseTrials(shapes, (g, draw, other) => {
      const { t, i, o, x } = sizes(g);
      return [written(empty(x)), read(draw(t * o)), read(other(o * i)), g];
    }),
  weightGrad: (shapes) =>
    denseTrials(shapes, (g, draw, other) => {
      const { t, i, o, x } = sizes(g);
      return [written(empty(o * i)), read(other(t * o)), read(draw(x)), g];
    }),
  forwardEmulated: (shapes) =>
    [0, 1].flatMap((relu) =>
      denseTrials(shapes, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const bias = relu ? read(other(o)) : null;
        return [written(empty(t * o)), read(draw(x)), read(other(o * i)), bias, g, relu];
      }),
    ),
  weightGradEmulated: (shapes) =>
    denseTrials(shapes, (g, draw, other) => {
      const { t, i, o, x } = sizes(g);
      const [n, m] = oneOf(shapes.patterns);
      return [written(empty(o * i)), read(other(t * o)), read(draw(x)), g, { n, m, v: oneOf([1, 2, 4]) }];
    }),
  weightGradAlternateEmulated: (shapes) =>
    FIXED_MASKS.flatMap((mask) =>
      shapes.geometries().map((g) => {
        const { t, i, o, x } = sizes(g);
        const args = [
          written(empty(o * i)),
          read(normal(t * o)),
          read(normal(x)),
          g,
          mask,
          oneOf([0, 0.03, 1]),
          oneOf([1, 2]),
        ];
        return trial(`${[...g]} mask ${mask}`, args, 1e-6, true);
      }),
    ),
  forwardSparse: (shapes) =>
    [0, 1].flatMap((relu) =>
      packedTrials(
        shapes,
        (g) => [sizes(g).o, sizes(g).i],
        (g, w, draw) => {
          const { t, o, x } = sizes(g);
          const bias = relu ? read(normal(o)) : null;
          return [written(empty(t * o)), read(draw(x)), w, bias, g, relu];
        },
      ),
    ),
  inputGradSparse: (shapes) =>
    packedTrials(
      shapes,
      (g) => [g[3], g[4] * g[5] * g[10], g[10]],
      (g, w, draw) => {
        const { t, o, x } = sizes(g);
        return [written(empty(x)), read(draw(t * o)), w, g];
      },
    ),
  weightGradSparse: (shapes) =>
    packedTrials(
      shapes,
      (g) => [sizes(g).o, sizes(g).t],
      (g, dy, draw) => {
        const { i, o, x } = sizes(g);
        return [written(empty(o * i)), dy, read(draw(x)), g];
      },
    ),
  weightGradAlternate: (shapes) => {
    // a single line in its image, lines of one pixel, odd lines, and odd lines of every second pixel
    const lines = [conv(3, 1, 9, 8, 1, 1, 0, 8), conv(2, 5, 1, 16, 3, 1, 1, 9)];
    lines.push(conv(2, 3, 15, 16, 3, 1, 1, 20), conv(2, 9, 13, 16, 3, 2, 1, 8), conv(1, 2, 23, 3, 3, 1, 1, 16));
    const geometries = (): Geometry[] => [...shapes.geometries(), ...lines];
    return FIXED_MASKS.flatMap((mask) =>
      denseTrials({ ...shapes, geometries }, (g, draw, other) => {
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
        (g, x, draw) => {
          const { t, i, o } = sizes(g);
          const bias = relu ? read(normal(o)) : null;
          return [written(empty(t * o)), x, read(draw(o * i)), bias, g, relu];
        },
      ),
    ),
  inputGradSparseGradient: (shapes) =>
    packedTrials(
      shapes,
      (g) => [sizes(g).t, sizes(g).o],
      (g, dy, draw) => {
        const { t, i, o } = sizes(g);
        return [written(empty(t * i)), dy, read(draw(o * i)), g];
      },
    ),
  forwardSlices: (shapes) =>
    shapes.patterns.flatMap(([n, m]) =>
      fewRows(shapes, m).flatMap(([t, k, o], i) => {
        const { values, places, pattern } = slices(o, k, { n, m, v: oneOf([1, 2, 4]) });
        const w = { values: read(values), places: read(places), pattern: { ...pattern } };
        const draw = shapes.odd && i % 2 === 1 ? spoiled : normal;
        const relu = i % 2;
        const args = [written(empty(t * o)), read(draw(t * k)), w, relu ? read(normal(o)) : null];
        return trial(`${n}:${m} ${t} x ${k} x ${o}`, [...args, matrixGeometry(t, k, o), relu], 1e-6, true);
      }),
    ),
  forwardCsr: (shapes) => [
    ...[0, 2, 10, 60, 100].flatMap((percent) =>
      [...fewRows(shapes, 4), [40, 200, 70] as const, [70, 300, 33] as const].map(([t, k, o], i) => {
        const w = readRows(compressedRows(o, k, percent));
        const draw = shapes.odd && i % 2 === 1 ? spoiled : normal;
        const relu = i % 2;
        const args = [
          ...[written(empty(t * o)), read(draw(t * k)), w],
          ...[relu ? read(normal(o)) : null, matrixGeometry(t, k, o), relu],
        ];
        return trial(`${percent} % ${t} x ${k} x ${o}`, args, 1e-6, true);
      }),
    ),
    ...[0, 1].flatMap((relu) =>
      denseTrials(shapes, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const w = readRows(compressedRows(o, i, 25));
        return [written(empty(t * o)), read(draw(x)), w, relu ? read(other(o)) : null, g, relu];
      }),
    ),
  ],
  weightGradCsr: (shapes) =>
    [0, 3, 25, 100].flatMap((percent) => {
      // shapes with several parts, strips and blocks
      const many = (): Geometry[] => [
        matrixGeometry(1100, 300, 40),
        matrixGeometry(70, 130, 33),
        conv(5, 24, 17, 20, 3, 1, 1, 24),
      ];
      const geometries = (): Geometry[] => [...shapes.geometries(), ...many()];
      return denseTrials({ ...shapes, geometries }, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const { index, starts } = readRows(compressedRows(o, i, percent));
        return [written(empty(o * i)), read(other(t * o)), read(draw(x)), { index, starts }, g];
      });
    }),
};

/** A sparse product, the dense one that it must equal, and the emulated one, whose bits it must have. */
interface Emulation {
  readonly sparse: [KernelName, Argument[]];
  readonly dense: [KernelName, Argument[]];
  readonly emulated: [KernelName, Argument[]];
}

/** Of all products that the pattern fits, with operands that the backend itself prunes. */
function emulationsOf(kernels: Kernels, pattern: Pattern, g: Geometry): Emulation[] {
  const { t, i, o, x } = sizes(g);
  const [channels, taps] = [g[3], g[4] * g[5]];
  const fits = (length: number): boolean => length % pattern.m === 0;
  const prune = (rows: number, k: number): { packed: ArgumentObject; dense: Float32Array } => {
    const [mask, masked] = [written(new Uint32Array(rows * maskWords(k))), written(empty(rows * k))];
    const args = [writtenPack(rows, k, pattern), mask, masked, read(normal(rows * k)), rows, k, 0];
    const [values, index, , dense] = call(kernels, "pruneRows", args) as [
      Float32Array,
      Uint8Array,
      Numbers,
      Float32Array,
    ];
    return { packed: readPack({ values, index, pattern }), dense };
  };
  const [images, grads] = [read(normal(x)), read(normal(t * o))];
  const list: Emulation[] = [];
  if (fits(channels)) {
    const w = prune(o, i);
    const bias = read(normal(o));
    const args = [written(empty(t * o)), images, read(w.dense), bias, g, 1];
    list.push({
      sparse: ["forwardSparse", [written(empty(t * o)), images, w.packed, bias, g, 1]],
      dense: ["forward", args],
      emulated: ["forwardEmulated", args],
    });
  }
  if (fits(o)) {
    const transposed = prune(channels, taps * o);
    const { values, index } = transposed.packed as unknown as { values: Argument; index: Argument };
    const unpacked = [written(empty(o * i)), { values, index, pattern: { ...pattern } }, channels, taps * o, taps];
    const backwards = call(kernels, "unpackColumns", unpacked)[0] as Float32Array;
    const args = [written(empty(x)), grads, read(backwards), g];
    list.push({
      sparse: ["inputGradSparse", [written(empty(x)), grads, transposed.packed, g]],
      dense: ["inputGrad", args],
      emulated: ["inputGrad", args],
    });
  }
  if (fits(t)) {
    const dy = prune(o, t);
    const dense = Float32Array.from({ length: t * o }, (_, at) => dy.dense[(at % o) * t + Math.floor(at / o)]);
    const args = [written(empty(o * i)), read(dense), images, g];
    list.push({
      sparse: ["weightGradSparse", [written(empty(o * i)), dy.packed, images, g]],
      dense: ["weightGrad", args],
      emulated: ["weightGradEmulated", [...args, { ...pattern }]],
    });
  }
  if (isMatrix(g) && fits(channels)) {
    const activations = prune(t, channels);
    const w = read(normal(o * channels));
    const args = [written(empty(t * o)), read(activations.dense), w, null, g, 0];
    list.push({
      sparse: ["forwardSparseActivations", [written(empty(t * o)), activations.packed, w, null, g, 0]],
      dense: ["forward", args],
      emulated: ["forwardEmulated", args],
    });
  }
  if (isMatrix(g) && fits(o)) {
    const dy = prune(t, o);
    const w = read(normal(o * channels));
    const args = [written(empty(x)), read(dy.dense), w, g];
    list.push({
      sparse: ["inputGradSparseGradient", [written(empty(x)), dy.packed, w, g]],
      dense: ["inputGrad", args],
      emulated: ["inputGrad", args],
    });
  }
  return list;
}

/** Registers properties that relate products to each other. */
export function productProperties(make: () => Kernels): void {
  test("a sparse product equals the dense one with the masked operand, at n of m multiply-adds", () => {
    const kernels = make();
    reseed(1000);
    for (const g of [matrixGeometry(48, 144, 96), conv(3, 8, 8, 48, 3, 1, 1, 48)]) {
      for (const [n, m] of ALL_PATTERNS) {
        for (const v of [1, 2, 4]) {
          for (const { sparse, dense, emulated } of emulationsOf(kernels, { n, m, v }, g)) {
            const [got, sparseCount] = counted(kernels, ...sparse);
            const [wanted, denseCount] = counted(kernels, ...dense);
            const magnitudes = magnitudesOf(...dense)[0];
            got.forEach((value: number, i: number) => {
              const off = Math.abs(value - wanted[i]);
              if (!(off <= 2e-6 * magnitudes[i])) throw new Error(`${sparse[0]} ${n}:${m}v${v} at ${i}: off by ${off}`);
            });
            expect(sparseCount).toBe((denseCount / m) * n);
            expect(counted(kernels, ...emulated)[1]).toBe(denseCount);
          }
        }
      }
    }
  });

  test("an emulated product has the bits of the sparse one", () => {
    const kernels = make();
    reseed(2000);
    const shapes = [
      // few rows; K and T past a block; T in parts; inputs and outputs that fill no vector
      ...[
        matrixGeometry(8, 96, 48),
        matrixGeometry(48, 1200, 50),
        matrixGeometry(4608, 48, 96),
        matrixGeometry(40, 20, 12),
      ],
      // of images: few outputs, strides, taps in lines, T in parts
      ...[conv(2, 24, 24, 16, 3, 1, 1, 8), conv(2, 12, 12, 48, 3, 2, 1, 96), conv(6, 28, 28, 16, 3, 1, 1, 16)],
      ...[conv(3, 7, 5, 40, 5, 1, 2, 24), conv(2, 10, 10, 16, 1, 2, 0, 20), conv(1, 6, 6, 320, 3, 1, 1, 48)],
    ];
    for (const g of kernels.backend === "js" ? shapes.slice(0, 1) : shapes) {
      for (const [n, m, v] of [
        [2, 4, 1],
        [2, 4, 2],
        [3, 8, 4],
      ]) {
        for (const { sparse, emulated } of emulationsOf(kernels, { n, m, v }, g)) {
          const [got, wanted] = [sparse, emulated].map((one) => counted(kernels, ...one)[0]);
          sameBits(got, wanted, `${sparse[0]} ${n}:${m}v${v} of ${[...g]}`);
        }
      }
      for (const mask of FIXED_MASKS) {
        const { t, i, o, x } = sizes(g);
        const args = [written(empty(o * i)), read(normal(t * o)), read(normal(x)), g, mask, 0.3, 2];
        const [got] = counted(kernels, "weightGradAlternate", args);
        const [wanted] = counted(kernels, "weightGradAlternateEmulated", args);
        sameBits(got, wanted, `weightGradAlternate, mask ${mask} of ${[...g]}`);
      }
    }
  });
}

/** A loop of its own: expect takes most of the time of a comparison of long arrays. */
function sameBits(got: ArrayLike<number>, emulated: ArrayLike<number>, where: string): void {
  for (let at = 0; at < Math.max(got.length, emulated.length); at++) {
    if (Object.is(got[at], emulated[at])) continue;
    throw new Error(`${where}, at ${at}: ${got[at]}, emulated ${emulated[at]}`);
  }
}
