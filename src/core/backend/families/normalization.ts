/** Kernels of batch normalization and pooling. */
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

/** The statistics of what is normalized: the mean and 1 / sqrt(variance + epsilon) of each channel, or of each row. */
export interface Statistics {
  readonly mean: F32;
  readonly invStd: F32;
}

/** The running statistics of a batch norm, [channels] each; training updates them in place. */
export interface RunningStatistics {
  readonly mean: F32;
  readonly variance: F32;
}

/** The factor and the term that are applied to a normalized entry. */
export interface Affine {
  readonly gamma: F32;
  readonly beta: F32;
}

/** The gradients of the normalized input and of its Affine. */
export interface AffineGradients {
  readonly dx: F32;
  readonly dgamma: F32;
  readonly dbeta: F32;
}

export interface BatchNormNumbers {
  /** Number added to the variance. */
  readonly epsilon: number;
  /** Share of the new statistics in the running ones. */
  readonly momentum: number;
  readonly relu: number;
}

export interface NormalizationKernels {
  /** The training form over x [rows, channels]: it writes the batch's statistics and updates the running ones. */
  batchNorm(
    y: F32,
    statistics: Statistics,
    running: RunningStatistics,
    x: F32,
    affine: Affine,
    rows: number,
    channels: number,
    options: BatchNormNumbers,
  ): void;
  batchNormInfer(
    y: F32,
    x: F32,
    affine: Affine,
    running: RunningStatistics,
    rows: number,
    channels: number,
    options: Omit<BatchNormNumbers, "momentum">,
  ): void;
  /** `y` is the forward's output if it ended in relu, else null. */
  batchNormBackward(
    grads: AffineGradients,
    dy: F32,
    y: F32 | null,
    x: F32,
    gamma: F32,
    statistics: Statistics,
    rows: number,
    channels: number,
  ): void;
  /**
   * maxPool of relu of batchNorm, without the tensors in between. winner: the tap of the largest, 255 if it is not
   * above zero; peak: x at the largest, for backward. Windows of g (out = channels) have at most 255 taps.
   */
  batchNormPool(
    y: F32,
    peak: F32,
    winner: Uint8Array,
    statistics: Statistics,
    running: RunningStatistics,
    x: F32,
    affine: Affine,
    g: Geometry,
    options: Omit<BatchNormNumbers, "relu">,
  ): void;
  batchNormPoolBackward(
    grads: AffineGradients,
    dy: F32,
    peak: F32,
    winner: Uint8Array,
    x: F32,
    gamma: F32,
    statistics: Statistics,
    g: Geometry,
  ): void;
  /**
   * y = the largest of each window of g (out = channels); winner: the tap of the largest, the first of equals. Padding
   * never wins.
   */
  maxPool(y: F32, winner: Uint8Array, x: F32, g: Geometry): void;
  maxPoolBackward(dx: F32, dy: F32, winner: Uint8Array, g: Geometry): void;
  /** y = the mean over each window; padding counts as zeros. */
  averagePool(y: F32, x: F32, g: Geometry): void;
  averagePoolBackward(dx: F32, dy: F32, g: Geometry): void;
}

export const normalizationPositions: Positions<NormalizationKernels> = {
  batchNorm: (y, { mean, invStd }, running, x, { gamma, beta }, rows, channels, { epsilon, momentum, relu }) => [
    ...[y, mean, invStd, running.mean, running.variance, x, gamma, beta, rows, channels, epsilon, momentum, relu],
  ],
  batchNormInfer: (y, x, { gamma, beta }, { mean, variance }, rows, channels, { epsilon, relu }) => [
    ...[y, x, gamma, beta, mean, variance, rows, channels, epsilon, relu],
  ],
  batchNormBackward: ({ dx, dgamma, dbeta }, dy, y, x, gamma, { mean, invStd }, rows, channels) => [
    ...[dx, dgamma, dbeta, dy, y, x, gamma, mean, invStd, rows, channels],
  ],
  batchNormPool: (y, peak, winner, { mean, invStd }, running, x, { gamma, beta }, g, { epsilon, momentum }) => [
    ...[y, peak, winner, mean, invStd, running.mean, running.variance, x, gamma, beta, g, epsilon, momentum],
  ],
  batchNormPoolBackward: ({ dx, dgamma, dbeta }, dy, peak, winner, x, gamma, { mean, invStd }, g) => [
    ...[dx, dgamma, dbeta, dy, peak, winner, x, gamma, mean, invStd, g],
  ],
};
