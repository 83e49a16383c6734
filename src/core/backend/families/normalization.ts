/** Batch normalization and pooling. */
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

/** Of what is normalized: the mean and 1 / sqrt(variance + epsilon) of each channel, or of each row. */
export interface Statistics {
  readonly mean: F32;
  readonly invStd: F32;
}

/** The running statistics of a batch norm, [channels] each; moved in place by the training form. */
export interface RunningStatistics {
  readonly mean: F32;
  readonly variance: F32;
}

/** What a normalized entry is multiplied by, and what is added. */
export interface Affine {
  readonly gamma: F32;
  readonly beta: F32;
}

/** The gradients of what is normalized and of its Affine. */
export interface AffineGradients {
  readonly dx: F32;
  readonly dgamma: F32;
  readonly dbeta: F32;
}

export interface BatchNormNumbers {
  /** Added to the variance. */
  readonly epsilon: number;
  /** Share of the new statistics in the running ones. */
  readonly momentum: number;
  readonly relu: number;
}

export interface NormalizationKernels {
  /** Training form over x [rows, channels]; writes the batch's statistics, moves the running ones. */
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
  /** y: the forward's output if it ended in relu, else null. */
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
   * maxPool of relu of batchNorm, without what lies between in memory. winner: the tap of the largest, 255 where it is not
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
  /** Windows of g (out = channels); winner: tap of the largest, the first of equals; padding never wins. */
  maxPool(y: F32, winner: Uint8Array, x: F32, g: Geometry): void;
  maxPoolBackward(dx: F32, dy: F32, winner: Uint8Array, g: Geometry): void;
  /** Mean over the window; padding counts as zeros. */
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
