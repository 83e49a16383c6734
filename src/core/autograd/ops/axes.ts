/** Reads axes as users give them. */
import { expected } from "../../errors.ts";
import { type Shape, sizeOf } from "../../tensor/tensor.ts";

/** The axis in 0..rank - 1 for one that may count from the end: -1 is the last. */
export function axisOf(where: string, shape: Shape, axis: number): number {
  const found = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(axis) && found >= 0 && found < shape.length) return found;
  const range = shape.length === 0 ? "no axis" : `an axis in -${shape.length}..${shape.length - 1}`;
  throw expected(where, `${range} of [${shape.join(", ")}]`, `${axis}`, "Negative axes count from the end");
}

/** The axes for one or several given ones, each once, in rising order; all axes if none are given. */
export function axesOf(where: string, shape: Shape, axes: number | readonly number[] | undefined): readonly number[] {
  if (axes === undefined) return shape.map((_, axis) => axis);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => axisOf(where, shape, axis));
  if (new Set(list).size < list.length)
    throw expected(
      where,
      "each axis once",
      `[${[...(axes as readonly number[])].join(", ")}]`,
      "Leave out the repeated",
    );
  return list.toSorted((a, b) => a - b);
}

/** The shape [outer, length, inner] of the same number of values, where `length` joins the axes `from` to `to` - 1. */
export function around(shape: Shape, from: number, to: number = from + 1): readonly [number, number, number] {
  return [sizeOf(shape.slice(0, from)), sizeOf(shape.slice(from, to)), sizeOf(shape.slice(to))];
}
