/** Visits the windows of convolutions, pixel by pixel. */
import type { Geometry } from "../geometry.ts";

/** The fields of a geometry by name. */
export function shapeOf(g: Geometry): {
  batch: number;
  height: number;
  width: number;
  channels: number;
  kh: number;
  kw: number;
  stride: number;
  padding: number;
  outHeight: number;
  outWidth: number;
  out: number;
  positions: number;
  inputs: number;
} {
  const [batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth, out] = g;
  const sizes = { batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth, out };
  return { ...sizes, positions: batch * outHeight * outWidth, inputs: kh * kw * channels };
}

/**
 * Calls visit(output position, offset of the pixel in x, tap) for every pixel of every window that lies in the image.
 */
export function windows(g: Geometry, visit: (position: number, pixel: number, tap: number) => void): void {
  const { batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth } = shapeOf(g);
  let position = 0;
  for (let b = 0; b < batch; b++) {
    for (let oh = 0; oh < outHeight; oh++) {
      for (let ow = 0; ow < outWidth; ow++, position++) {
        for (let tap = 0; tap < kh * kw; tap++) {
          const h = oh * stride + Math.floor(tap / kw) - padding;
          const w = ow * stride + (tap % kw) - padding;
          if (h >= 0 && h < height && w >= 0 && w < width)
            visit(position, ((b * height + h) * width + w) * channels, tap);
        }
      }
    }
  }
}
