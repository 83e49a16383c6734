/** The memory that a backend computes on: typed arrays of its own. */

/** An array of float32 values. */
export type F32 = Float32Array;

export interface Memory {
  /** Zeroed memory of this backend; only such arrays may be passed to its kernels. */
  float32(length: number): F32;
  uint8(length: number): Uint8Array;
  uint32(length: number): Uint32Array;
  int32(length: number): Int32Array;
  float64(length: number): Float64Array;
}
