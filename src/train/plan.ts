/** Plans: for each product of each layer which operand is sparse, and by which route it is computed. */

import type { Geometry } from "../kernels/kernels.ts";
import type { InputGradMethod, WeightGradMethod } from "../methods/method.ts";
import { misfit, type Pattern, patternName } from "../sparse/pattern.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { Product, ProductTimes } from "./dispatcher.ts";
import type { MultiplyingWeight, Products } from "./layers.ts";

export const PRODUCTS: readonly Product[] = ["forward", "inputGrad", "weightGrad"];

/** How a product is computed; "masked": dense arithmetic on zeros, never reported as a speed-up of its own. */
export type Route = "dense" | "sparse" | "masked";

/** Which routes to take: the faster ones by measurement, or always the one. */
export const ROUTINGS = ["auto", "sparse", "dense"] as const;
export type Routing = (typeof ROUTINGS)[number];

/** What shall be sparse in every layer where it fits; null: nothing in that product. */
export interface Operands {
  /** Of the forward product: the weight, by the method of this name. */
  readonly forward: { readonly method: string; readonly pattern: Pattern } | null;
  readonly inputGrad: { readonly method: InputGradMethod; readonly pattern: Pattern } | null;
  readonly weightGrad: { readonly method: WeightGradMethod; readonly pattern: Pattern } | null;
}

/** What was decided for one product of a layer. */
export interface PlannedProduct {
  readonly operand: "weight" | "gradient" | null;
  readonly method: string | null;
  readonly pattern: string | null;
  readonly route: Route;
  /** Medians on this machine, packing included; null where nothing was measured. */
  readonly denseMs: number | null;
  readonly sparseMs: number | null;
  readonly reason: string;
}

/** What was decided for one layer. */
export interface PlannedLayer {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  readonly shape: readonly number[];
  /** Of the weight; null: it stays dense. */
  readonly pattern: string | null;
  /** What the groups of the weight run along. */
  readonly axis: "inputs" | "channels";
  readonly routes: Readonly<Record<Product, Route>>;
  readonly reason: string;
  readonly products: Readonly<Record<Product, PlannedProduct>>;
}

/** Where the times come from. Without products nothing is known about positions and nothing is measured. */
export interface Routes {
  readonly routing: Routing;
  readonly products?: ReadonlyMap<Parameter, Products>;
  readonly dispatcher?: Timer;
}

/** Knows how long a product takes: a Dispatcher. */
export interface Timer {
  times(product: Product, geometry: Geometry, pattern: Pattern): ProductTimes;
}

/** A layer may be this much slower than dense before it stays dense: the noise of a measurement. */
const SLACK = 1.03;

/** Decides for every weight that multiplies; the last one, the classifier, stays dense, as in the papers. */
export function planLayers(
  weights: readonly MultiplyingWeight[],
  operands: Operands,
  routes: Routes = { routing: "sparse" },
): PlannedLayer[] {
  return weights.map((weight, i) => {
    if (i === weights.length - 1) return denseLayer(weight, "the last layer stays dense");
    return planLayer(weight, operands, routes);
  });
}

function planLayer(
  source: MultiplyingWeight,
  operands: Operands,
  { routing, products, dispatcher }: Routes,
): PlannedLayer {
  const { name, weight, rows, axis, axisLength } = source;
  const traced = products?.get(weight);
  const times = (product: Product, { pattern }: { pattern: Pattern }): ProductTimes | null =>
    traced === undefined || dispatcher === undefined ? null : dispatcher.times(product, traced.geometry, pattern);
  const decided: Partial<Record<Product, PlannedProduct>> = {};
  const measured: Partial<Record<Product, ProductTimes | null>> = {};
  const wishes = { forward: wishForward(), inputGrad: wishInputGrad(), weightGrad: wishWeightGrad() };

  function wishForward(): string | Operands["forward"] {
    if (operands.forward === null) return "not asked for";
    const why = misfit(operands.forward.pattern, axisLength, axis);
    return why ?? operands.forward;
  }
  function wishInputGrad(): string | Operands["inputGrad"] {
    if (traced?.inputGrad === false) return "none: the model's input";
    if (operands.inputGrad === null) return "not asked for";
    if (typeof wishForward() === "string") return "the weight is dense";
    return misfit(operands.inputGrad.pattern, rows, "outputs") ?? operands.inputGrad;
  }
  function wishWeightGrad(): string | Operands["weightGrad"] {
    if (operands.weightGrad === null) return "not asked for";
    if (traced === undefined) return operands.weightGrad;
    const [batch, , , , , , , , outHeight, outWidth] = traced.geometry;
    return misfit(operands.weightGrad.pattern, batch * outHeight * outWidth, "positions") ?? operands.weightGrad;
  }

  const sparseWeight = typeof wishes.forward !== "string";
  for (const product of PRODUCTS) {
    const wish = wishes[product];
    const instead: Route = product !== "weightGrad" && sparseWeight ? "masked" : "dense";
    if (wish === null || typeof wish === "string") {
      decided[product] = { ...NOTHING, route: instead, reason: wish ?? "" };
      continue;
    }
    const ms = (measured[product] = times(product, wish));
    const other = ms === null ? null : instead === "masked" ? ms.masked : ms.dense;
    const pays = ms === null || other === null || ms.sparse < other;
    const route = routing === "sparse" || (routing === "auto" && pays) ? "sparse" : instead;
    decided[product] = {
      operand: product === "weightGrad" ? "gradient" : "weight",
      method: typeof wish.method === "string" ? wish.method : wish.method.name,
      pattern: patternName(wish.pattern),
      route,
      denseMs: ms?.dense ?? null,
      sparseMs: ms?.sparse ?? null,
      reason:
        routing !== "auto"
          ? `${routing} was asked for`
          : ms === null
            ? "not measured"
            : comparison(ms.dense, ms.sparse),
    };
  }
  const own = decided as Record<Product, PlannedProduct>;
  const asked = PRODUCTS.filter((product) => own[product].operand !== null);
  if (asked.length === 0) return denseLayer(source, own.forward.reason, own);

  if (routing === "auto" && asked.every((product) => measured[product])) {
    let dense = 0;
    let best = 0;
    for (const product of asked) {
      const ms = measured[product]!;
      dense += ms.dense;
      best += own[product].route === "sparse" ? ms.sparse : own[product].route === "masked" ? ms.masked : ms.dense;
    }
    if (best > SLACK * dense) {
      return denseLayer(source, `layer: dense ${dense.toFixed(2)} ms, sparse ${best.toFixed(2)} ms`, own);
    }
  }
  const pattern = sparseWeight ? own.forward.pattern : null;
  const reason = pattern === null ? own.forward.reason : `groups of ${operands.forward!.pattern.m} along ${axis}`;
  return { name, shape: weight.shape, axis, pattern, routes: routesOf(own), reason, products: own };
}

const NOTHING = { operand: null, method: null, pattern: null, denseMs: null, sparseMs: null };

function routesOf(products: Record<Product, PlannedProduct>): Record<Product, Route> {
  return {
    forward: products.forward.route,
    inputGrad: products.inputGrad.route,
    weightGrad: products.weightGrad.route,
  };
}

/** A layer that is dense in all products; `considered` keeps the times that speak for it. */
function denseLayer(
  { name, weight, axis }: MultiplyingWeight,
  reason: string,
  considered?: Record<Product, PlannedProduct>,
): PlannedLayer {
  const dense = (product: Product): PlannedProduct => ({
    ...(considered?.[product] ?? NOTHING),
    route: "dense",
    reason: considered?.[product].operand === null ? considered[product].reason : reason,
  });
  const products = { forward: dense("forward"), inputGrad: dense("inputGrad"), weightGrad: dense("weightGrad") };
  return { name, shape: weight.shape, axis, pattern: null, routes: routesOf(products), reason, products };
}

function comparison(dense: number, sparse: number): string {
  const ratio = dense / sparse;
  return ratio > 1 ? `${ratio.toFixed(2)}x dense` : `dense is ${(1 / ratio).toFixed(2)}x`;
}
