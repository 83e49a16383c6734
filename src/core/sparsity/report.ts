/** What movement and size a session reports of its sparse weights, with a pattern or without. */
import type { MaskHistory } from "../metrics/mask-history.ts";

export interface SparsityReport {
  /** Totals over the sparse layers: SAD of the first and last mask, its share of the weights, mean flips a step. */
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

/** A sparse layer at its end. */
export interface SparseLayer {
  readonly name: string;
  readonly weights: number;
  /** Share of zeros. */
  readonly sparsity: number;
  readonly history: MaskHistory;
}

/** all: weights that multiply, sparse or not. */
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
