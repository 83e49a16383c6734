/** The products, dense and sparse. */
import { expect, test } from "vitest";
import { maskWords } from "../families/masks.ts";
import type { ProductKernels } from "../families/products.ts";
import { type Geometry, matrixGeometry } from "../geometry.ts";
import type { KernelName, Kernels } from "../kernels.ts";
import { call, counted, magnitudesOf } from "./check.ts";
import { compressedRows, fewRows, pack, slices } from "./operands.ts";
import { ALL_PATTERNS, conv, type Shapes, sizes } from "./shapes.ts";
import {
  type Argument,
  type Draw,
  empty,
  type Numbers,
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

const isMatrix = (g: Geometry): boolean => g[4] * g[5] === 1 && g[6] === 1 && g[7] === 0;

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

/** Dense products: build(geometry, draw of the images or their gradients, draw of what padding meets). */
function denseTrials(
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
      denseTrials(shapes, (g, draw, other) => {
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
      return denseTrials({ ...shapes, geometries }, (g, draw, other) => {
        const { t, i, o, x } = sizes(g);
        const { index, starts } = compressedRows(o, i, percent);
        return [written(empty(o * i)), read(other(t * o)), read(draw(x)), read(index), read(starts), g];
      });
    }),
};

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

/** Registers what must hold between products. */
export function productProperties(make: () => Kernels): void {
  test("a sparse product equals the dense one with the masked operand, at n of m multiply-adds", () => {
    const kernels = make();
    reseed(1000);
    for (const g of [matrixGeometry(48, 144, 96), conv(3, 8, 8, 48, 3, 1, 1, 48)]) {
      for (const [n, m] of ALL_PATTERNS) {
        for (const v of [1, 2, 4]) {
          for (const { sparse, dense } of sparseAndDense(kernels, n, m, v, g)) {
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
