/** The shape of a product, a convolution or a window, as kernels take it. */

/** Eleven integers: batch height width channels kernelHeight kernelWidth stride padding outHeight outWidth out. */
export type Geometry = Int32Array;

/** The geometry of Y = X W^T with X [rows, inputs], W [outputs, inputs]. */
export function matrixGeometry(rows: number, inputs: number, outputs: number): Geometry {
  return Int32Array.of(rows, 1, 1, inputs, 1, 1, 1, 0, 1, 1, outputs);
}

/**
 * The geometry of dx as the forward product of dy with the taps of w in reverse order. It is right for stride 1, square
 * kernels, and padding below the kernel.
 */
export function inputGradGeometry(g: Geometry): Geometry {
  const [batch, height, width, channels, kernel, , , padding, outHeight, outWidth, out] = g;
  const turned = kernel - 1 - padding;
  return Int32Array.of(batch, outHeight, outWidth, out, kernel, kernel, 1, turned, height, width, channels);
}

/** Whether output positions have neighbors in a row of an image. */
export function hasRows(g: Geometry): boolean {
  return g[9] > 1;
}
