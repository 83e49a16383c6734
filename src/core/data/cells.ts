/**
 * Boxes by cells. An image is cut into cells of 8 x 8 pixels, and an object belongs to the cell that its center is in.
 * Four numbers give its box: the distance of its center from that of the cell, in cells, and the logarithms of its
 * width and height over 16 pixels. So a convolution with stride 8 can predict them at its places, without anchors.
 */
import type { BoxedObject } from "./dataset.ts";

type Box = BoxedObject["box"];

/** Pixels along the side of a cell. */
export const CELL = 8;

/**
 * The side of the box whose logarithms are 0: about the middle of the sizes that a cell sees, so that first answers are
 * near.
 */
const SIDE = 16;

/** The cell that an object's center is in. */
export function cellOf([left, top, right, bottom]: Box): readonly [row: number, column: number] {
  return [Math.floor((top + bottom) / 2 / CELL), Math.floor((left + right) / 2 / CELL)];
}

/** The four numbers that give this box in a cell. */
export function offsetsOf([left, top, right, bottom]: Box, row: number, column: number): readonly number[] {
  return [
    (left + right) / 2 / CELL - column - 0.5,
    (top + bottom) / 2 / CELL - row - 0.5,
    Math.log((right - left) / SIDE),
    Math.log((bottom - top) / SIDE),
  ];
}

/**
 * The box that the four numbers from `at` on give in a cell; a side is at most 20,000 pixels, whatever a model
 * predicts.
 */
export function boxAt(offsets: ArrayLike<number>, at: number, row: number, column: number): Box {
  const [x, y] = [(column + 0.5 + offsets[at]) * CELL, (row + 0.5 + offsets[at + 1]) * CELL];
  const [width, height] = [2, 3].map((i) => SIDE * Math.exp(Math.min(7, offsets[at + i])));
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}
