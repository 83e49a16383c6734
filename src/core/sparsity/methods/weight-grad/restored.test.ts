/**
 * The masks and weight gradients of the code of Xu et al. 2022, written out from it: images [N, C, H, W], the matrix of
 * columns [C * KH * KW, N * OH * OW] of im2col, masks as slices that are set to zero, the shifted gradient, the product.
 */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { addonPath, nativeKernels } from "../../../../node/native.ts";
import type { Geometry } from "../../../backend/geometry.ts";
import { jsKernels } from "../../../backend/js.ts";
import { Random } from "../../../random.ts";
import { restored } from "./restored.ts";

interface Convolution {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: readonly [height: number, width: number];
  readonly stride: number;
  readonly padding: number;
  readonly outputs: number;
}

const outSides = ({ height, width, kernel, stride, padding }: Convolution): readonly [number, number] => [
  Math.floor((height + 2 * padding - kernel[0]) / stride) + 1,
  Math.floor((width + 2 * padding - kernel[1]) / stride) + 1,
];

/** columns [C * KH * KW][N * OH * OW] of x [N, C, H, W]. */
function im2col(x: ArrayLike<number>, c: Convolution): number[][] {
  const [outHeight, outWidth] = outSides(c);
  const rows: number[][] = [];
  for (let channel = 0; channel < c.channels; channel++)
    for (let kh = 0; kh < c.kernel[0]; kh++)
      for (let kw = 0; kw < c.kernel[1]; kw++) {
        const row: number[] = [];
        for (let n = 0; n < c.batch; n++)
          for (let oy = 0; oy < outHeight; oy++)
            for (let ox = 0; ox < outWidth; ox++) {
              const [y, z] = [oy * c.stride - c.padding + kh, ox * c.stride - c.padding + kw];
              const inside = y >= 0 && z >= 0 && y < c.height && z < c.width;
              row.push(inside ? x[((n * c.channels + channel) * c.height + y) * c.width + z] : 0);
            }
        rows.push(row);
      }
  return rows;
}

/** Sets a view of the columns to zero: rows from `row`, every second one; places from `place`, every second one. */
function zero(view: number[][], row: number, rowStep: number, place: number): void {
  for (let i = row; i < view.length; i += rowStep) for (let j = place; j < view[i].length; j += 2) view[i][j] = 0;
}

/** The four branches of the source, in their order. */
const branches: readonly ((columns: number[][]) => number[][])[] = [
  (columns) => {
    const flat = columns.flat();
    const quads = Array.from({ length: flat.length / 4 }, (_, i) => flat.slice(4 * i, 4 * i + 4));
    zero(quads, 0, 2, 0);
    zero(quads, 1, 2, 1);
    const [back, width] = [quads.flat(), columns[0].length];
    return columns.map((_, i) => back.slice(i * width, (i + 1) * width));
  },
  (columns) => {
    zero(columns, 0, 1, 0);
    return columns;
  },
  (columns) => {
    zero(columns, 0, 2, 0);
    zero(columns, 1, 2, 1);
    return columns;
  },
  (columns) => {
    zero(columns, 1, 2, 0);
    zero(columns, 0, 2, 1);
    return columns;
  },
];

/** grad_weight [O][C * KH * KW] for one branch: grad_output [N, O, OH * OW] plus s times its roll by one along the last axis. */
function gradWeight(
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  c: Convolution,
  branch: number,
  s: number,
): number[][] {
  const size = outSides(c)[0] * outSides(c)[1];
  const columns = branches[branch](im2col(x, c));
  return Array.from({ length: c.outputs }, (_, o) =>
    columns.map((row) => {
      let sum = 0;
      for (let n = 0; n < c.batch; n++)
        for (let at = 0; at < size; at++) {
          const image = (n * c.outputs + o) * size;
          const shifted = dy[image + at] + s * dy[image + ((at - 1 + size) % size)];
          sum += shifted * row[n * size + at];
        }
      return sum;
    }),
  );
}

/** From [N, C, H * W] to [N, H * W, C]. */
function channelsLast(values: Float32Array, batch: number, channels: number): Float32Array {
  const size = values.length / batch / channels;
  return values.map((_, at) => {
    const [n, place, channel] = [Math.floor(at / (size * channels)), Math.floor(at / channels) % size, at % channels];
    return values[(n * channels + channel) * size + place];
  });
}

const convolution = (
  [batch, channels, height, width]: readonly [number, number, number, number],
  kernel: readonly [number, number],
  [stride, padding, outputs]: readonly [number, number, number],
): Convolution => ({ batch, channels, height, width, kernel, stride, padding, outputs });

const convolutions: readonly Convolution[] = [
  convolution([2, 4, 4, 4], [3, 3], [1, 1, 5]),
  // 4 of 8 positions in all, odd rows: quads of the next entry begin in the middle of 8
  convolution([4, 4, 3, 5], [3, 3], [1, 1, 3]),
  // 2 of 4, and an odd number: quads reach into the next entry
  convolution([2, 8, 5, 7], [3, 3], [1, 1, 3]),
  convolution([3, 12, 3, 3], [1, 1], [1, 0, 4]),
  convolution([1, 4, 7, 5], [3, 3], [1, 1, 3]),
  // every second pixel; windows of one pixel, of an even number of pixels, and not square
  convolution([2, 6, 8, 8], [3, 3], [2, 1, 4]),
  convolution([2, 5, 9, 7], [3, 3], [2, 1, 4]),
  convolution([2, 16, 6, 6], [1, 1], [2, 0, 7]),
  convolution([2, 3, 6, 6], [2, 2], [1, 0, 4]),
  convolution([2, 7, 5, 8], [1, 4], [1, 0, 2]),
  // few channels, and more than a vector
  convolution([4, 3, 8, 8], [3, 3], [1, 1, 6]),
  convolution([2, 40, 4, 6], [3, 3], [1, 1, 9]),
];

const backends = [jsKernels(), ...(existsSync(addonPath()) ? [nativeKernels(1)] : [])];

test("weight gradients are those of the source's code under each of its four masks", () => {
  const random = new Random(3);
  const normals = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
  for (const c of convolutions) {
    const [outHeight, outWidth] = outSides(c);
    const { batch, channels, height, width, kernel, stride, padding, outputs } = c;
    const taps = kernel[0] * kernel[1];
    const [x, dy] = [normals(batch * channels * height * width), normals(batch * outputs * outHeight * outWidth)];
    const image = [batch, height, width, channels, ...kernel, stride, padding];
    const geometry: Geometry = Int32Array.of(...image, outHeight, outWidth, outputs);
    const own = [channelsLast(dy, batch, outputs), channelsLast(x, batch, channels)] as const;
    for (const s of [0, Math.fround(0.03), 0.5]) {
      for (let branch = 0; branch < 4; branch++) {
        const wanted = gradWeight(dy, x, c, branch, s);
        for (const kernels of backends) {
          const dw = kernels.float32(outputs * taps * channels);
          kernels.weightGradAlternate(dw, own[0], own[1], geometry, 5 + branch, s, 1);
          wanted.forEach((row, o) => {
            row.forEach((value, f) => {
              const [channel, tap] = [Math.floor(f / taps), f % taps];
              const magnitude = 1 + Math.abs(value);
              const found = dw[(o * taps + tap) * channels + channel];
              // native sums are in single precision
              const allowed = (kernels.backend === "js" ? 1e-6 : 2e-5) * magnitude;
              if (!(Math.abs(found - value) <= allowed))
                throw new Error(
                  `${kernels.backend} ${[...geometry]} branch ${branch}, s ${s}: ${found} at ${o}, ${f}, not ${value}`,
                );
            });
          });
        }
      }
    }
  }
});

const draw = { seed: 1, layer: 2, step: 3 };
const geometry: Geometry = Int32Array.of(1, 2, 4, 2, 1, 1, 1, 0, 2, 4, 1);

/** Which positions count for each entry of a convolution: dy is 1 at one position, x is 1 everywhere. */
function countedBy(mask: number, g: Geometry): number[][] {
  const [positions, entries] = [g[0] * g[8] * g[9], g[3]];
  const x = new Float32Array(positions * entries).fill(1);
  const rows: number[][] = Array.from({ length: entries }, () => []);
  for (let t = 0; t < positions; t++) {
    const dy = new Float32Array(positions);
    dy[t] = 1;
    const dw = new Float32Array(entries);
    jsKernels().weightGradAlternate(dw, dy, x, g, mask, 0, 1);
    for (const [f, row] of rows.entries()) row.push(dw[f]);
  }
  return rows;
}

test("quads, columns and the two checkerboards, on a pencil", () => {
  const [quads, columns, one, other] = [5, 6, 7, 8].map((mask) => countedBy(mask, geometry));
  expect(quads).toEqual(Array(2).fill([0, 1, 0, 1, 1, 0, 1, 0]));
  expect(columns).toEqual(Array(2).fill([0, 1, 0, 1, 0, 1, 0, 1]));
  expect(one).toEqual([
    [0, 1, 0, 1, 0, 1, 0, 1],
    [1, 0, 1, 0, 1, 0, 1, 0],
  ]);
  expect(other).toEqual(one.toReversed());
  // 4 positions: the second entry goes on where the first one's quad ended
  const small = Int32Array.of(1, 1, 4, 2, 1, 1, 1, 0, 1, 4, 1);
  expect(countedBy(5, small)).toEqual([
    [0, 1, 0, 1],
    [1, 0, 1, 0],
  ]);
});

test("with restoration a dropped place is s times the next one of its image, the last of an image s times its first", () => {
  // one output, one entry, two images of 4 positions; columns keep 1 and 3
  const g = Int32Array.of(2, 1, 4, 1, 1, 1, 1, 0, 1, 4, 1);
  const [dy, x] = [Float32Array.of(1, 2, 4, 8, 16, 32, 64, 128), Float32Array.of(1, 10, 100, 1000, 1, 10, 100, 1000)];
  const dw = new Float32Array(1);
  jsKernels().weightGradAlternate(dw, dy, x, g, 6, 0.5, 1);
  expect(dw[0]).toBe(10 * (2 + 0.5) + 1000 * (8 + 2) + 10 * (32 + 8) + 1000 * (128 + 32));
  // the opposite columns, which the second checkerboard keeps for even entries: the shift wraps around the image
  jsKernels().weightGradAlternate(dw, dy, x, g, 8, 0.5, 1);
  expect(dw[0]).toBe(1 * (1 + 4) + 100 * (4 + 1) + 1 * (16 + 64) + 100 * (64 + 16));
});

test("without restoration the two checkerboards add up to the dense gradient", () => {
  const random = new Random(4);
  const g = Int32Array.of(3, 5, 7, 6, 3, 3, 1, 1, 5, 7, 4);
  const [x, dy] = [3 * 35 * 6, 3 * 35 * 4].map((n) => Float32Array.from({ length: n }, () => random.normal()));
  const [dense, one, other] = [0, 1, 2].map(() => new Float32Array(4 * 54));
  const kernels = jsKernels();
  kernels.weightGrad(dense, dy, x, g);
  kernels.weightGradAlternate(one, dy, x, g, 7, 0, 1);
  kernels.weightGradAlternate(other, dy, x, g, 8, 0, 1);
  dense.forEach((value, at) => {
    expect(one[at] + other[at]).toBeCloseTo(value, 4);
  });
});

test("half of the multiplications are made, whatever the mask", () => {
  for (const kernels of backends) {
    const g = Int32Array.of(8, 6, 6, 20, 3, 3, 1, 1, 6, 6, 12);
    const [x, dy, dw] = [8 * 36 * 20, 8 * 36 * 12, 12 * 180].map((n) => kernels.float32(n));
    const count = (run: () => void): number => {
      const before = kernels.multiplies();
      run();
      return kernels.multiplies() - before;
    };
    const dense = count(() => kernels.weightGrad(dw, dy, x, g));
    for (const mask of [5, 6, 7, 8])
      expect(count(() => kernels.weightGradAlternate(dw, dy, x, g, mask, 0.03, 1))).toBe(dense / 2);
  }
});

test("each of the four masks is drawn in a quarter of the steps, and the words draw from theirs", () => {
  const steps = 4000;
  const drawn = (mask: (typeof restored.options.mask.words)[number]): Map<number, number> => {
    const method = restored({ mask });
    if (method.operand !== "activations") throw new Error("of activations");
    const counts = new Map<number, number>();
    for (let step = 0; step < steps; step++) {
      const found = method.keep(new Float32Array(16), geometry, { ...draw, step });
      expect(found).toMatchObject({ restore: 0.03, scale: 1 });
      counts.set(found.mask, (counts.get(found.mask) ?? 0) + 1);
    }
    return counts;
  };
  const authors = drawn("authors");
  expect([...authors.keys()].toSorted()).toEqual([5, 6, 7, 8]);
  const deviation = Math.sqrt(steps * 0.25 * 0.75);
  for (const count of authors.values()) expect(Math.abs(count - steps / 4) / deviation).toBeLessThan(4);
  expect(drawn("columns")).toEqual(new Map([[6, steps]]));
  expect([...drawn("checkerboard").keys()].toSorted()).toEqual([7, 8]);
});
