/** Batch normalization and pooling. */
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";

export interface NormalizationKernels {
  /** Training form over x [rows, channels]; writes the batch's mean and 1/sqrt(variance + epsilon), moves the running ones. */
  batchNorm(
    y: F32,
    mean: F32,
    invStd: F32,
    runningMean: F32,
    runningVariance: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    rows: number,
    channels: number,
    epsilon: number,
    momentum: number,
    relu: number,
  ): void;
  batchNormInfer(
    y: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    runningMean: F32,
    runningVariance: F32,
    rows: number,
    channels: number,
    epsilon: number,
    relu: number,
  ): void;
  /** y: the forward's output if it ended in relu, else null. */
  batchNormBackward(
    dx: F32,
    dgamma: F32,
    dbeta: F32,
    dy: F32,
    y: F32 | null,
    x: F32,
    gamma: F32,
    mean: F32,
    invStd: F32,
    rows: number,
    channels: number,
  ): void;
  /**
   * maxPool of relu of batchNorm, without what lies between in memory. winner: the tap of the largest, 255 where it is not
   * above zero; peak: x at the largest, for backward. Windows of g (out = channels) have at most 255 taps.
   */
  batchNormPool(
    y: F32,
    peak: F32,
    winner: Uint8Array,
    mean: F32,
    invStd: F32,
    runningMean: F32,
    runningVariance: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    g: Geometry,
    epsilon: number,
    momentum: number,
  ): void;
  batchNormPoolBackward(
    dx: F32,
    dgamma: F32,
    dbeta: F32,
    dy: F32,
    peak: F32,
    winner: Uint8Array,
    x: F32,
    gamma: F32,
    mean: F32,
    invStd: F32,
    g: Geometry,
  ): void;
  /** Windows of g (out = channels); winner: tap of the largest, the first of equals; padding never wins. */
  maxPool(y: F32, winner: Uint8Array, x: F32, g: Geometry): void;
  maxPoolBackward(dx: F32, dy: F32, winner: Uint8Array, g: Geometry): void;
  /** Mean over the window; padding counts as zeros. */
  averagePool(y: F32, x: F32, g: Geometry): void;
  averagePoolBackward(dx: F32, dy: F32, g: Geometry): void;
}
