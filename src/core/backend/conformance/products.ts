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
    return [0, 1, 2, 3, 4].flatMap((mask) =>
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

/** A sparse product and the dense product that it must equal, with weights that the backend itself prunes. */
function sparseAndDense(
  kernels: Kernels,
  pattern: Pattern,
  g: Geometry,
): { sparse: [KernelName, Argument[]]; dense: [KernelName, Argument[]] }[] {
  const { t, i, o, x } = sizes(g);
  const [channels, taps] = [g[3], g[4] * g[5]];
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
  const [images, grads, dense] = [read(normal(x)), read(normal(t * o)), read(normal(o * channels))];
  const w = prune(o, i);
  const transposed = prune(channels, taps * o);
  const backwards = Float32Array.from({ length: o * i }, (_, at) => {
    const [row, tap, c] = [Math.floor(at / i), Math.floor((at % i) / channels), at % channels];
    return transposed.dense[c * taps * o + tap * o + row];
  });
  const dy = prune(o, t);
  const activations = prune(t, channels);
  const matrix = matrixGeometry(t, channels, o);
  const dyDense = Float32Array.from({ length: t * o }, (_, at) => dy.dense[(at % o) * t + Math.floor(at / o)]);
  return [
    {
      sparse: ["forwardSparse", [written(empty(t * o)), images, w.packed, null, g, 0]],
      dense: ["forward", [written(empty(t * o)), images, read(w.dense), null, g, 0]],
    },
    {
      sparse: ["inputGradSparse", [written(empty(x)), grads, transposed.packed, g]],
      dense: ["inputGrad", [written(empty(x)), grads, read(backwards), g]],
    },
    {
      sparse: ["weightGradSparse", [written(empty(o * i)), dy.packed, images, g]],
      dense: ["weightGrad", [written(empty(o * i)), read(dyDense), images, g]],
    },
    {
      sparse: ["forwardSparseActivations", [written(empty(t * o)), activations.packed, dense, null, matrix, 0]],
      dense: ["forward", [written(empty(t * o)), read(activations.dense), dense, null, matrix, 0]],
    },
  ];
}

/** Registers properties that relate products to each other. */
export function productProperties(make: () => Kernels): void {
  test("a sparse product equals the dense one with the masked operand, at n of m multiply-adds", () => {
    const kernels = make();
    reseed(1000);
    for (const g of [matrixGeometry(48, 144, 96), conv(3, 8, 8, 48, 3, 1, 1, 48)]) {
      for (const [n, m] of ALL_PATTERNS) {
        for (const v of [1, 2, 4]) {
          for (const { sparse, dense } of sparseAndDense(kernels, { n, m, v }, g)) {
            const [got, sparseCount] = counted(kernels, ...sparse);
            const [wanted, denseCount] = counted(kernels, ...dense);
            const magnitudes = magnitudesOf(...dense)[0];
            got.forEach((value: number, i: number) => {
              const off = Math.abs(value - wanted[i]);
              if (!(off <= 2e-6 * magnitudes[i])) throw new Error(`${sparse[0]} ${n}:${m}v${v} at ${i}: off by ${off}`);
            });
            expect(sparseCount).toBe((denseCount / m) * n);
          }
        }
      }
    }
  });
}
