/** Trials of grouped convolutions. */
import type { GroupedConvolutionKernels } from "../families/grouped-convolutions.ts";
import { type Geometry, matrixGeometry } from "../geometry.ts";
import { conv, isMatrix, type Shapes, sizes } from "./shapes.ts";
import {
  type Argument,
  type Draw,
  empty,
  normal,
  oneOf,
  random,
  read,
  spoiled,
  type Trial,
  type Trials,
  trial,
  written,
} from "./trials.ts";

function geometries({ odd }: Shapes): readonly (readonly [Geometry, groups: number])[] {
  if (!odd) return [[conv(8, 32, 32, 48, 3, 1, 1, 48), 48] as const, [conv(3, 32, 32, 48, 3, 2, 1, 96), 4] as const];
  const [groups, width, outputs] = [1 + random.integer(9), 1 + random.integer(5), 1 + random.integer(5)];
  const [kernel, stride, padding] = [1 + random.integer(4), 1 + random.integer(3), random.integer(3)];
  return [
    // depthwise: with part of a vector, whole vectors, both, and more than a page of zeros
    [conv(2, 5, 6, 3, 3, 1, 1, 3), 3],
    [conv(1, 7, 5, 17, 3, 2, 1, 17), 17],
    [conv(2, 6, 9, 64, 5, 1, 2, 64), 64],
    [conv(1, 9, 8, 33, 3, 3, 0, 33), 33],
    [conv(1, 4, 4, 1100, 3, 1, 1, 1100), 1100],
    // strides beyond the kernel, padding beyond the image
    [conv(2, 7, 7, 20, 1, 2, 0, 20), 20],
    [conv(1, 1, 2, 5, 5, 1, 2, 5), 5],
    [matrixGeometry(9, 20, 20), 20],
    // several outputs for a channel, several channels for an output, and both
    [conv(1, 5, 5, 4, 3, 1, 1, 8), 4],
    [conv(1, 5, 6, 8, 3, 1, 1, 4), 4],
    [conv(2, 6, 5, 8, 3, 1, 1, 12), 4],
    [conv(1, 8, 8, 32, 3, 2, 1, 64), 2],
    [conv(2, 5, 5, 6, 3, 1, 1, 9), 1],
    [matrixGeometry(33, 20, 40), 5],
    [matrixGeometry(0, 6, 4), 2],
    [conv(1 + random.integer(3), 6, 5, groups * width, kernel, stride, padding, groups * outputs), groups],
    [conv(1 + random.integer(3), 5, 8, groups, kernel, stride, padding, groups), groups],
  ];
}

/**
 * Trials from build(geometry, groups, draw of the images or their gradients, draw of the operand that padding
 * multiplies).
 */
function groupedTrials(
  shapes: Shapes,
  build: (g: Geometry, groups: number, draw: Draw, other: Draw) => readonly Argument[],
): Trial[] {
  return geometries(shapes).flatMap(([g, groups]) => {
    const draws: [Draw, Draw][] = [[normal, normal]];
    if (shapes.odd && g[0] > 0) draws.push([spoiled, normal]);
    // the contract does not say whether NaN times the zeros of padding counts
    if (shapes.odd && g[0] > 0 && isMatrix(g)) draws.push([normal, spoiled]);
    return draws.map(([one, other]) =>
      trial(`${[...g]} in ${groups} ${one.name} ${other.name}`, build(g, groups, one, other), 1e-6, true),
    );
  });
}

export const groupedConvolutionTrials: Trials<GroupedConvolutionKernels> = {
  groupedForward: (shapes) =>
    groupedTrials(shapes, (g, groups, draw, other) => {
      const { t, i, o, x } = sizes(g);
      const relu = oneOf([0, 1]);
      const bias = random.integer(2) === 0 ? null : read(other(o));
      return [written(empty(t * o)), read(draw(x)), read(other((o * i) / groups)), bias, g, groups, relu];
    }),
  groupedInputGrad: (shapes) =>
    groupedTrials(shapes, (g, groups, draw, other) => {
      const { t, i, o, x } = sizes(g);
      return [written(empty(x)), read(draw(t * o)), read(other((o * i) / groups)), g, groups];
    }),
  groupedWeightGrad: (shapes) =>
    groupedTrials(shapes, (g, groups, draw, other) => {
      const { t, i, o, x } = sizes(g);
      return [written(empty((o * i) / groups)), read(other(t * o)), read(draw(x)), g, groups];
    }),
};
