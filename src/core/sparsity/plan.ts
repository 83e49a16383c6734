/** Plans: for each product of each layer, which operand is sparse and by which route it is computed. */

import { PRODUCTS, type Product } from "../backend/families/products.ts";
import { type Geometry, hasRows } from "../backend/geometry.ts";
import { expected } from "../errors.ts";
import { misfit, type Pattern, patternName } from "../sparse/pattern.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { MultiplyingWeight, Products } from "./layers.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod, WeightMethod } from "./methods/method.ts";

/** How a product is computed. "masked" is dense arithmetic on zeros and is never reported as a speed-up of its own. */
export type Route = "dense" | "sparse" | "masked";

/** The operand of a product that is N:M. */
export type Operand = "weight" | "gradient" | "activations";

/** Which routes to take: the faster ones by measurement ("auto"), or always the named one. */
export const ROUTINGS = ["auto", "sparse", "dense"] as const;
export type Routing = (typeof ROUTINGS)[number];

/**
 * The methods and patterns that are asked for, for every layer where they fit; null if nothing is to be sparse in a
 * product.
 */
export interface Operands {
  readonly forward: { readonly method: WeightMethod; readonly pattern: Pattern } | null;
  /** Replaces sparse weights in forward for layers whose input is the output of a squared ReLU. */
  readonly activations: { readonly method: ActivationMethod; readonly pattern: Pattern } | null;
  readonly inputGrad: { readonly method: InputGradMethod; readonly pattern: Pattern } | null;
  readonly weightGrad: { readonly method: WeightGradMethod; readonly pattern: Pattern } | null;
}

/** Operands for all layers, with exceptions by layer. */
export interface OperandsByLayer {
  readonly all: Operands;
  /** Parts of the names of weights that have operands of their own. */
  readonly parts: readonly string[];
  of(name: string): Operands;
}

/** The same operands for all layers, without exceptions. */
export function inAllLayers(all: Operands): OperandsByLayer {
  return { all, parts: [], of: () => all };
}

/** The decision for one product of a layer. */
export interface PlannedProduct {
  readonly operand: Operand | null;
  readonly method: string | null;
  readonly pattern: string | null;
  readonly route: Route;
  /** Times on this machine, packing included; null if nothing was measured. */
  readonly denseMs: number | null;
  readonly sparseMs: number | null;
  readonly reason: string;
}

/** The decision for one layer. */
export interface PlannedLayer {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  readonly shape: readonly number[];
  /** Pattern of the weight; null if it stays dense. */
  readonly pattern: string | null;
  /** The axis along which the weight's groups run. */
  readonly axis: "inputs" | "channels";
  readonly routes: Readonly<Record<Product, Route>>;
  readonly reason: string;
  readonly products: Readonly<Record<Product, PlannedProduct>>;
}

/** How to choose routes, and where times come from. Without products, positions are unknown and nothing is measured. */
export interface Routes {
  readonly routing: Routing;
  readonly products?: ReadonlyMap<Parameter, Products>;
  readonly dispatcher?: Timer;
  /** Which weights stay dense: see `SKIP_FORM`. Default: the last one, the classifier, as in the papers. */
  readonly skip?: readonly string[];
}

/**
 * Milliseconds of one product, each the least of some calls in turn, because whatever else the machine does only adds
 * time. As in a step, activations are in cache and weights are not.
 */
export interface ProductTimes {
  readonly dense: number;
  /** Time of the sparse product, with pruning or sampling and packing. */
  readonly sparse: number;
  /** The same if another product multiplies densely by the weight, so that a copy with zeros is written too. */
  readonly sparseAndCopy: number;
  /**
   * Time of dense arithmetic on the weight with zeros, with pruning; equals `dense` if the operand is not the weight.
   */
  readonly masked: number;
}

/** Knows how long a product takes; a Dispatcher is one. */
export interface Timer {
  times(product: Product, operand: Operand, geometry: Geometry, pattern: Pattern): ProductTimes;
}

/**
 * A layer stays dense only if its sparse form is slower than dense by more than this factor, the noise of a
 * measurement.
 */
const SLACK = 1.03;

/** The items that `skip` may hold, in words. */
export const SKIP_FORM = 'a part of a name, "first", "last", "inputs<N" or "outputs<N" (along the axis of its groups)';

const SKIP_LAST = ["last"];

/** Makes the plan for every weight that multiplies. */
export function planLayers(
  weights: readonly MultiplyingWeight[],
  operands: OperandsByLayer,
  routes: Routes = { routing: "sparse" },
): PlannedLayer[] {
  const { skip = SKIP_LAST } = routes;
  requireNames(weights, "layers", operands.parts, "parts of the names ");
  const skipped = skipReasons(weights, skip);
  return weights.map((weight, i) => {
    const why = skipped[i];
    if (why !== undefined) return denseLayer(weight, why);
    return planLayer(weight, operands.of(weight.name), routes);
  });
}

const GROUPED = "grouped convolution: no sparse kernel";

/** Why each weight stays dense, by an item of `skip` or for lack of a kernel; undefined for a weight that need not. */
export function skipReasons(weights: readonly MultiplyingWeight[], skip: readonly string[]): (string | undefined)[] {
  requireNames(weights, "skip", skip, `${SKIP_FORM} of `);
  return weights.map((weight, i) => {
    if (weight.groups > 1) return GROUPED;
    return skip
      .map((item) => skippedBy(item, weight, i === 0, i === weights.length - 1))
      .find((reason) => reason !== undefined);
  });
}

function requireNames(
  weights: readonly MultiplyingWeight[],
  where: string,
  parts: readonly string[],
  form: string,
): void {
  const unknown = parts.find((part) => !isRule(part) && !weights.some(({ name }) => name.includes(part)));
  if (unknown === undefined) return;
  const names = weights.map(({ name }) => name).join(", ");
  throw expected(where, `${form}${names}`, JSON.stringify(unknown), "Correct it or leave it out");
}

const NARROW = /^(inputs|outputs)<(\d+)$/;

function isRule(item: string): boolean {
  return item === "first" || item === "last" || NARROW.test(item);
}

/** Why an item of `skip` leaves this weight dense; undefined if it does not. */
function skippedBy(
  item: string,
  { name, rows, axis, axisLength }: MultiplyingWeight,
  isFirst: boolean,
  isLast: boolean,
): string | undefined {
  if (item === "first") return isFirst ? "the first layer stays dense" : undefined;
  if (item === "last") return isLast ? "the last layer stays dense" : undefined;
  const narrow = NARROW.exec(item);
  if (narrow === null) return name.includes(item) ? `skipped by "${item}"` : undefined;
  const length = narrow[1] === "outputs" ? rows : axisLength;
  const what = narrow[1] === "outputs" ? "outputs" : axis;
  return length < Number(narrow[2]) ? `${length} ${what}, below ${narrow[2]}` : undefined;
}

function planLayer(source: MultiplyingWeight, operands: Operands, routes: Routes): PlannedLayer {
  const planned = planProducts(source, operands, routes);
  const { operand, route } = planned.products.forward;
  // sparse activations that do not pay leave forward to the sparse weight
  if (operand === "activations" && route !== "sparse" && operands.forward !== null)
    return planProducts(source, { ...operands, activations: null }, routes);
  return planned;
}

function planProducts(source: MultiplyingWeight, operands: Operands, routes: Routes): PlannedLayer {
  const { name, weight, axis } = source;
  const { routing, products, dispatcher } = routes;
  const traced = products?.get(weight);
  const wishes = wishesOf(source, operands, traced);
  const sparseWeight = isOfWeight(wishes.forward);
  const decide = (product: Product, copy: boolean): Decision => {
    const wish = wishes[product];
    const instead = product !== "weightGrad" && sparseWeight ? "masked" : "dense";
    if (typeof wish === "string") return { planned: { ...NOTHING, route: instead, reason: wish }, times: null };
    const { operand, method, pattern, simulated } = wish;
    if (simulated !== undefined) {
      // whether it pays does not matter: it is asked for as a comparison
      const route: Route = routing === "dense" ? "dense" : "masked";
      const planned = { ...NOTHING, operand, method, pattern: patternName(pattern), route, reason: simulated };
      return { planned, times: null };
    }
    const times =
      traced === undefined || dispatcher === undefined
        ? null
        : dispatcher.times(product, operand, traced.geometry, pattern);
    const own = times !== null && copy ? { ...times, sparse: times.sparseAndCopy } : times;
    return { planned: planProduct(wish, instead, routing, own), times: own };
  };
  const inputGrad = decide("inputGrad", false);
  // a sparse gradient is multiplied by the weight with zeros
  const { route, operand } = inputGrad.planned;
  const copy = sparseWeight && traced?.inputGrad !== false && (route === "masked" || operand === "gradient");
  const decisions = { forward: decide("forward", copy), inputGrad, weightGrad: decide("weightGrad", false) };
  const own = {
    forward: decisions.forward.planned,
    inputGrad: inputGrad.planned,
    weightGrad: decisions.weightGrad.planned,
  };
  const asked = PRODUCTS.filter((product) => own[product].operand !== null);
  if (asked.length === 0) return denseLayer(source, own.forward.reason, own);
  const slower = routing === "auto" ? slowerThanDense(asked.map((product) => decisions[product])) : undefined;
  if (slower !== undefined) return denseLayer(source, slower, own);
  const pattern = sparseWeight ? own.forward.pattern : null;
  const reason = pattern === null ? own.forward.reason : `groups of ${operands.forward!.pattern.m} along ${axis}`;
  return { name, shape: weight.shape, axis, pattern, routes: routesOf(own), reason, products: own };
}

/** An operand that shall be sparse in one product. */
interface Wish {
  readonly operand: Operand;
  readonly method: string;
  readonly pattern: Pattern;
  /** Why there is no kernel that skips its zeros; undefined if there is one. */
  readonly simulated?: string | undefined;
}

function isOfWeight(wish: Wish | string): boolean {
  return typeof wish !== "string" && wish.operand === "weight";
}

interface Decision {
  readonly planned: PlannedProduct;
  readonly times: ProductTimes | null;
}

/** The operand that can be sparse in each product of a layer, or why none can. */
function wishesOf(
  { rows, axis, axisLength }: MultiplyingWeight,
  { forward, activations, inputGrad, weightGrad }: Operands,
  traced: Products | undefined,
): Record<Product, Wish | string> {
  const wish = (
    operand: Operand,
    method: Pick<WeightMethod, "name" | "misfit">,
    pattern: Pattern,
    length: number,
    along: string,
  ): Wish | string =>
    method.misfit?.(pattern, rows) ?? misfit(pattern, length, along) ?? { operand, method: method.name, pattern };
  const ofWeight = forward === null ? NOT_ASKED : wish("weight", forward.method, forward.pattern, axisLength, axis);
  const ofActivations = (): Wish | string => {
    if (activations === null) return NOT_ASKED;
    if (axis !== "inputs" || traced?.input !== "squaredRelu") return "its input is not of a squared ReLU";
    return wish("activations", activations.method, activations.pattern, axisLength, axis);
  };
  const found = ofActivations();
  const ofForward = typeof found === "string" && forward !== null ? ofWeight : found;
  // unknown positions count as fitting
  const positions = traced === undefined ? 0 : traced.geometry[0] * traced.geometry[8] * traced.geometry[9];
  const ofInputGrad = (): Wish | string => {
    if (traced?.inputGrad === false) return "none: the model's input";
    if (inputGrad === null) return NOT_ASKED;
    const { method, pattern } = inputGrad;
    if (method.operand === "weight" && !isOfWeight(ofForward)) return "the weight is dense";
    const found = wish(method.operand, method, pattern, rows, "outputs");
    if (typeof found === "string" || method.operand === "weight") return found;
    // without a geometry: a convolution's groups run along channels
    const isMatrix = traced === undefined ? axis === "inputs" : traced.geometry[1] * traced.geometry[2] === 1;
    return isMatrix ? found : { ...found, simulated: "no kernel for a sparse gradient here" };
  };
  const ofWeightGrad = (): Wish | string => {
    if (weightGrad === null) return NOT_ASKED;
    const { method, pattern } = weightGrad;
    if (
      method.operand === "activations" &&
      method.ofImages === true &&
      traced !== undefined &&
      !hasRows(traced.geometry)
    ) {
      return "no rows of images: neighboring positions are not alike";
    }
    return wish(method.operand, method, pattern, positions, "positions");
  };
  return { forward: ofForward, inputGrad: ofInputGrad(), weightGrad: ofWeightGrad() };
}

const NOT_ASKED = "not asked for";

function planProduct(
  { operand, method, pattern }: Wish,
  instead: Route,
  routing: Routing,
  times: ProductTimes | null,
): PlannedProduct {
  const pays = times === null || times.sparse < times[instead];
  return {
    ...{ operand, method, pattern: patternName(pattern) },
    route: routing === "sparse" || (routing === "auto" && pays) ? "sparse" : instead,
    denseMs: times?.dense ?? null,
    sparseMs: times?.sparse ?? null,
    reason: routing !== "auto" ? `${routing} was asked for` : times === null ? "not measured" : comparison(times),
  };
}

/** Why a layer stays dense as a whole; undefined if it does not. */
function slowerThanDense(decisions: readonly Decision[]): string | undefined {
  let dense = 0;
  let best = 0;
  for (const { planned, times } of decisions) {
    if (times === null) continue;
    dense += times.dense;
    best += times[planned.route];
  }
  return best > SLACK * dense ? `layer: dense ${dense.toFixed(2)} ms, sparse ${best.toFixed(2)} ms` : undefined;
}

const NOTHING = { operand: null, method: null, pattern: null, denseMs: null, sparseMs: null };

function routesOf(products: Record<Product, PlannedProduct>): Record<Product, Route> {
  return {
    forward: products.forward.route,
    inputGrad: products.inputGrad.route,
    weightGrad: products.weightGrad.route,
  };
}

/** The plan of a layer that is dense in all products; `considered` keeps the times that speak for it. */
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

function comparison({ dense, sparse }: ProductTimes): string {
  const ratio = dense / sparse;
  return ratio > 1 ? `${ratio.toFixed(2)}x dense` : `dense is ${(1 / ratio).toFixed(2)}x`;
}
