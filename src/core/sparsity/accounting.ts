/** What a model costs, layer by layer: non-zeros, bytes in each storage format, multiply-adds and bytes moved. */
import { PRODUCTS, type Product } from "../backend/families/products.ts";
import { type ProductCost, productCost } from "../metrics/cost.ts";
import type { Module } from "../nn/module.ts";
import { countMatrix, storageFormats, storedBytes, structuredFormat } from "../sparse/formats/storage.ts";
import { verifyValues } from "../sparse/mask.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { type Shape, sizeOf } from "../tensor/tensor.ts";
import { multiplyingWeights, traceProducts } from "./layers.ts";

/** Of one weight that multiplies. */
export interface LayerAccount {
  readonly name: string;
  readonly shape: Shape;
  readonly nonZeros: number;
  /** Share of zeros. */
  readonly sparsity: number;
  /** N:M that its values have, of those asked about; else null. */
  readonly pattern: string | null;
  /** Measured bytes, by storage format. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly smallest: string;
  /** Of a step, all dense; no inputGrad where the input is the model's. */
  readonly dense: Readonly<Record<Product, ProductCost>>;
  /** The same if no product multiplied by a zero of the weight, stored in its smallest format; whether it is faster is for a timing. */
  readonly effective: Readonly<Record<Product, ProductCost>>;
}

export interface ModelAccount {
  readonly layers: readonly LayerAccount[];
  /** All parameters that are not zero, biases and gains too: what parameter efficiency divides by. */
  readonly nonZeros: number;
  readonly parameters: number;
}

/**
 * shape: of one input, without the batch. weights: what is multiplied by in place of the parameters, and patterns: what
 * these may be stored in besides, both by name.
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
    // not where a dense phase came behind
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

/** Multiply-adds of a step or, with one product, of that. */
export function totalMacs(
  { layers }: ModelAccount,
  which: "dense" | "effective",
  products: readonly Product[] = PRODUCTS,
): number {
  return layers.reduce((sum, layer) => sum + products.reduce((all, one) => all + layer[which][one].macs, 0), 0);
}

const NOTHING: ProductCost = { macs: 0, flops: 0, bytes: 0 };
