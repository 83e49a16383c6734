/** Checks of shapes that several operations share. */

import type { Geometry } from "../../backend/geometry.ts";
import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Throws unless the tensor has this shape, in which null stands for any length. */
export function requireShape(where: string, tensor: Tensor, shape: readonly (number | null)[]): void {
  const fits =
    tensor.shape.length === shape.length && shape.every((length, i) => length === null || length === tensor.shape[i]);
  if (fits) return;
  const wanted = shape.map((length) => length ?? "any").join(", ");
  throw expected(
    where,
    `shape [${wanted}]`,
    `[${tensor.shape.join(", ")}]`,
    "Check the layer's sizes against its input",
  );
}

export interface Window {
  readonly stride?: number | undefined;
  readonly padding?: number | undefined;
}

/** The geometry of a window sliding over images [batch, height, width, channels], and the shape of its output. */
export function slide(
  where: string,
  x: Tensor,
  kernel: readonly [number, number],
  { stride = 1, padding = 0 }: Window,
  outputs: number,
): { geometry: Geometry; shape: readonly [number, number, number, number] } {
  requireShape(where, x, [null, null, null, null]);
  const [batch, height, width, channels] = x.shape;
  const outHeight = Math.floor((height + 2 * padding - kernel[0]) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernel[1]) / stride) + 1;
  if (outHeight < 1 || outWidth < 1) {
    throw expected(
      where,
      `images of at least ${kernel[0] - 2 * padding}x${kernel[1] - 2 * padding}`,
      `${height}x${width}`,
      "Use larger images, more padding or fewer layers that shrink them",
    );
  }
  const [kh, kw] = kernel;
  return {
    geometry: Int32Array.of(batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth, outputs),
    shape: [batch, outHeight, outWidth, outputs],
  };
}
