/** Checks of shapes that several operations share. */

import type { Geometry } from "../../backend/geometry.ts";
import { expected } from "../../errors.ts";
import { Parameter, requireTensor, Tensor } from "../../tensor/tensor.ts";

/** What errors begin with; a function where it takes time to say. */
type Where = string | (() => string);

const textOf = (where: Where): string => (typeof where === "string" ? where : where());

/** A layer as errors name it: by the path of its weight, or while nobody knows that by the weight's shape. */
export function layerOf(op: string, weight: Tensor, what = ""): () => string {
  return () => {
    const path = weight instanceof Parameter ? weight.path : null;
    return `${path === null ? `${op} with a weight [${weight.shape.join(", ")}]` : `${op} of ${path}`}${what}`;
  };
}

/** Throws unless the tensor has this shape, in which null stands for any length. */
export function requireShape(
  where: Where,
  tensor: Tensor,
  shape: readonly (number | null)[],
  todo = "Check the layer's sizes against its input",
): void {
  if (!(tensor instanceof Tensor)) requireTensor(textOf(where), tensor);
  const fits =
    tensor.shape.length === shape.length && shape.every((length, i) => length === null || length === tensor.shape[i]);
  if (fits) return;
  const wanted = shape.map((length) => length ?? "any").join(", ");
  throw expected(textOf(where), `shape [${wanted}]`, `[${tensor.shape.join(", ")}]`, todo);
}

/** Throws unless x is images of so many channels, and says so where these seem to come first. */
export function requireImages(where: Where, x: Tensor, channels: number): void {
  const [, first, , last] = x.shape;
  const isTurned = x.shape.length === 4 && first === channels && last !== channels;
  const todo = "Images are [batch, height, width, channels]: turn these by permute(x, [0, 2, 3, 1])";
  requireShape(where, x, [null, null, null, channels], ...(isTurned ? [todo] : []));
}

export interface Window {
  readonly stride?: number | undefined;
  readonly padding?: number | undefined;
}

/** The geometry of a window sliding over images [batch, height, width, channels], and the shape of its output. */
export function slide(
  where: Where,
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
      textOf(where),
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
