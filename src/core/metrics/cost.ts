/**
 * The cost of a product by its shape: multiply-adds and bytes moved. Bytes are the least that any program moves: each
 * operand is read once and the result written once, in f32. A cache that is too small moves more.
 */

import type { Product } from "../backend/families/products.ts";
import type { Geometry } from "../backend/geometry.ts";

/** One of the three matrices of a layer. */
export type CostOperand = "input" | "weight" | "output";

/** The operand of a product that is sparse. */
export interface SparseOperand {
  readonly operand: CostOperand;
  /** Share of its entries that are not zero. */
  readonly density: number;
  /** Number of bytes of the operand as it is stored. */
  readonly bytes: number;
}

/** The cost of one product. */
export interface ProductCost {
  /** Number of multiply-adds, padding of images included. */
  readonly macs: number;
  /** Number of floating-point operations: two for each multiply-add. */
  readonly flops: number;
  readonly bytes: number;
}

/** Number of entries of each matrix of a layer; a gradient has as many as the matrix that it belongs to. */
function entries(g: Geometry, groups: number): Record<CostOperand, number> {
  const [batch, height, width, channels, kernelHeight, kernelWidth, , , outHeight, outWidth, out] = g;
  return {
    input: batch * height * width * channels,
    weight: (out * kernelHeight * kernelWidth * channels) / groups,
    output: batch * outHeight * outWidth * out,
  };
}

/**
 * The cost of one of the three products. Each multiplies two of the matrices and writes the third. `groups` are those
 * of a grouped convolution.
 */
export function productCost(
  product: Product,
  g: Geometry,
  sparse: SparseOperand | null = null,
  groups = 1,
): ProductCost {
  const counts = entries(g, groups);
  const result: CostOperand = RESULTS[product];
  const positions = g[0] * g[8] * g[9];
  const macs = positions * counts.weight * (sparse !== null && sparse.operand !== result ? sparse.density : 1);
  const bytes = (["input", "weight", "output"] as const).reduce((sum, operand) => {
    return sum + (sparse?.operand === operand && operand !== result ? sparse.bytes : 4 * counts[operand]);
  }, 0);
  return { macs, flops: 2 * macs, bytes };
}

const RESULTS: Readonly<Record<Product, CostOperand>> = { forward: "output", inputGrad: "input", weightGrad: "weight" };
