/** What a backend computes on: typed arrays of its own. */

/**
 * The kernel contract: every numeric loop of a training step, behind one interface with three backends.
 * A backend is a set of functions over typed arrays; outputs are written in place, nothing is allocated for the caller,
 * nothing is thrown. Shapes are the caller's duty (the ops check them). `js` is the oracle: short and obviously right.
 * native/kernels.def is the same list for C++; the order of arguments is the same everywhere.
 *
 * Legend: T, I, O = batch*outHeight*outWidth, kernelHeight*kernelWidth*channels, out; activations are channels-last,
 * weights [O, kernelHeight, kernelWidth, channels]; "| null" arguments may be left out.
 */
export type F32 = Float32Array;

export interface Memory {
  /** Zeroed memory of this backend; only such arrays may be passed to its kernels. */
  float32(length: number): F32;
  uint8(length: number): Uint8Array;
  uint32(length: number): Uint32Array;
  int32(length: number): Int32Array;
  float64(length: number): Float64Array;
}
