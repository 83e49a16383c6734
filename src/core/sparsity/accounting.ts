/** The cost of a model, layer by layer: non-zeros, bytes in each storage format, multiply-adds and bytes moved. */
import { PRODUCTS, type Product } from "../backend/families/products.ts";
import { type ProductCost, productCost } from "../metrics/cost.ts";
import type { Module } from "../nn/module.ts";
import { countMatrix, storageFormats, storedBytes, structuredFormat } from "../sparse/formats/storage.ts";
import { verifyValues } from "../sparse/mask.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { type Shape, sizeOf } from "../tensor/tensor.ts";
import { multiplyingWeights, traceProducts } from "./layers.ts";

/** The cost of one weight that multiplies. */
export interface LayerAccount {
  readonly name: string;
  readonly shape: Shape;
  readonly nonZeros: number;
  /** Share of zeros. */
  readonly sparsity: number;
  /** The N:M pattern asked about, if the values have it; else null. */
  readonly pattern: string | null;
  /** Measured bytes, by storage format. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly smallest: string;
  /** Costs of a step in which all is dense; inputGrad costs nothing if the layer reads the model's input. */
  readonly dense: Readonly<Record<Product, ProductCost>>;
  /**
   * Costs of a step if no product multiplied by a zero of the weight, stored in its smallest format. Whether such a
   * step is faster, only a timing can tell.
   */
  readonly effective: Readonly<Record<Product, ProductCost>>;
}

export interface ModelAccount {
  readonly layers: readonly LayerAccount[];
  /** Number of all parameters that are not zero, biases and gains included: parameter efficiency divides by it. */
  readonly nonZeros: number;
  readonly parameters: number;
}

/**
 * Accounts for the costs of a model. `shape` is that of one input, without the batch. By name, `weights` replace the
 * parameters that products multiply by, and `patterns` are N:M encodings in which these may be stored too.
 */
export function account(
  model: Module,
  shape: Shape,
  batch: number,
  weights: ReadonlyMap<string, Float32Array> = new Map(),
  patterns: ReadonlyMap<string, string> = new Map(),
): ModelAccount {
  const products = traceProducts(model, shape, batch);
  const layers = multiplyingWeights(model).map(({ name, weight, rows, k, groups }): LayerAccount => {
    const values = weights.get(name) ?? weight.data;
    const { nonZeros } = countMatrix(values, rows, k);
    const asked = patterns.get(name);
    // a weight no longer has its pattern after a dense phase
    const pattern = asked !== undefined && verifyValues(values, rows, k, parsePattern(asked)).ok ? asked : null;
    const formats = pattern === null ? storageFormats : [...storageFormats, structuredFormat(pattern)];
    const bytes = Object.fromEntries(
      formats.map((format) => [format.name, storedBytes(format.encode(values, rows, k))]),
    );
    const smallest = Object.entries(bytes).reduce((best, one) => (one[1] < best[1] ? one : best))[0];
    const { geometry, inputGrad } = products.get(weight)!;
    const sparse = { operand: "weight", density: nonZeros / weight.size, bytes: bytes[smallest] } as const;
    const costs = (operand: typeof sparse | null): Record<Product, ProductCost> => ({
      forward: productCost("forward", geometry, operand, groups),
      inputGrad: inputGrad ? productCost("inputGrad", geometry, operand, groups) : NOTHING,
      weightGrad: productCost("weightGrad", geometry, operand, groups),
    });
    return {
      ...{ name, shape: weight.shape, nonZeros, sparsity: 1 - nonZeros / weight.size, pattern, bytes, smallest },
      dense: costs(null),
      effective: costs(sparse),
    };
  });
  const parameters = [...model.namedParameters()];
  const nonZeros = parameters.reduce((sum, [name, { data }]) => {
    const values = weights.get(name) ?? data;
    return sum + values.reduce((count, value) => count + (value === 0 ? 0 : 1), 0);
  }, 0);
  return { layers, nonZeros, parameters: parameters.reduce((sum, [, one]) => sum + sizeOf(one.shape), 0) };
}

/** Number of multiply-adds of a step, or of the given products in it. */
export function totalMacs(
  { layers }: ModelAccount,
  which: "dense" | "effective",
  products: readonly Product[] = PRODUCTS,
): number {
  return layers.reduce((sum, layer) => sum + products.reduce((all, one) => all + layer[which][one].macs, 0), 0);
}

const NOTHING: ProductCost = { macs: 0, flops: 0, bytes: 0 };
