/**
 * The report of a session on its sparse weights, with a pattern or without: how masks moved, and the share of zeros.
 */
import type { MaskHistory } from "../metrics/mask-history.ts";

export interface SparsityReport {
  /**
   * Totals over the sparse layers: SAD from the first to the last mask, its share of the weights, mean flip rate of a
   * step.
   */
  readonly sad: number;
  readonly sadShare: number;
  readonly flipRate: number;
  /** Share of zeros among all weights that multiply. */
  readonly sparsity: number;
  readonly layers: readonly {
    readonly layer: string;
    readonly sad: number;
    readonly flipRate: number;
    readonly sparsity: number;
  }[];
}

/** A sparse layer at the end of a run. */
export interface SparseLayer {
  readonly name: string;
  readonly weights: number;
  /** Share of zeros in the weight. */
  readonly sparsity: number;
  readonly history: MaskHistory;
}

/** Makes the report; `all` is the number of weights that multiply, sparse or not. */
export function sparsityReport(sparse: readonly SparseLayer[], all: number): SparsityReport {
  const layers = sparse.map(({ history, ...layer }) => ({ ...layer, ...history.movement() }));
  const sum = (of: (layer: (typeof layers)[number]) => number): number => layers.reduce((s, layer) => s + of(layer), 0);
  const weights = Math.max(
    1,
    sum((layer) => layer.weights),
  );
  return {
    sad: sum(({ sad }) => sad),
    sadShare: sum(({ sad }) => sad) / weights,
    flipRate: sum((layer) => layer.flipRate * layer.weights) / weights,
    sparsity: sum((layer) => layer.weights * layer.sparsity) / all,
    layers: layers.map(({ name, sad, flipRate, sparsity }) => ({ layer: name, sad, flipRate, sparsity })),
  };
}
