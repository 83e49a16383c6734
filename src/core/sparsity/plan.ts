/**
 * Plans: for each product of each layer which operand is sparse, and how the product is computed. What the user asks for
 * decides which weights become zeros; measured times only decide whether a product skips them or multiplies by them.
 */

import { PRODUCTS, type Product } from "../backend/families/products.ts";
import { type Geometry, hasRows } from "../backend/geometry.ts";
import { expected } from "../errors.ts";
import { misfit, type Pattern, patternName, type Remainder } from "../sparse/pattern.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { MultiplyingWeight, Products } from "./layers.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod, WeightMethod } from "./methods/method.ts";
import { requireNames, SKIP_FORM, skipReasons } from "./skip.ts";

/**
 * How a product is computed: "sparse" by a kernel that skips zeros, "emulated" by dense arithmetic on zeros, to the same
 * bits, "dense" where nothing is pruned. Only "sparse" may be reported as a speed-up.
 */
export type Computed = "sparse" | "emulated" | "dense";

/** The operand of a product that is N:M. */
export type Operand = "weight" | "gradient" | "activations";

/** How sparse products shall be computed: whichever is faster by measurement, or always the one. */
export const COMPUTES = ["auto", "sparse", "emulated"] as const;
export type Compute = (typeof COMPUTES)[number];

/** Leaves a layer dense where measurement finds nothing to gain; a list of names does so where the user knows. */
export type LeaveDense = "slower" | readonly string[];

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
  readonly computed: Computed;
  /** On this machine, pruning and packing included; null where nothing was measured. */
  readonly denseMs: number | null;
  readonly sparseMs: number | null;
  readonly emulatedMs: number | null;
  readonly reason: string;
  /** Why a step of its method waits for the host, where it does: a device whose reads come later cannot run it. */
  readonly readsHost?: string;
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
  /** Whether what is asked for would fit the weight, though it may be left dense. */
  readonly eligible: boolean;
  readonly computed: Readonly<Record<Product, Computed>>;
  readonly reason: string;
  readonly products: Readonly<Record<Product, PlannedProduct>>;
}

/** How much of a model a plan prunes. */
export interface Coverage {
  /** Layers under a method for weights, those that would fit one, and all that multiply. */
  readonly pruned: number;
  readonly eligible: number;
  readonly layers: number;
  /** Those that stay dense, and why. */
  readonly dense: readonly { readonly layer: string; readonly reason: string }[];
}

/** Counts what a plan prunes. */
export function coverageOf(layers: readonly PlannedLayer[]): Coverage {
  const isPruned = ({ pattern, products }: PlannedLayer): boolean =>
    pattern !== null || products.forward.operand === "weight";
  return {
    pruned: layers.filter(isPruned).length,
    eligible: layers.filter(({ eligible }) => eligible).length,
    layers: layers.length,
    dense: layers.filter((layer) => !isPruned(layer)).map(({ name, reason }) => ({ layer: name, reason })),
  };
}

/** What plans are made by. Without products nothing is known about positions and nothing is measured. */
export interface Planning {
  readonly compute: Compute;
  readonly products?: ReadonlyMap<Parameter, Products>;
  readonly dispatcher?: Timer;
  /** Which weights stay dense: see `SKIP_FORM`. Default: the last one, the classifier, as in the papers. */
  readonly skip?: readonly string[];
  /** What becomes of inputs or channels that M does not divide. Default: the layer stays dense. */
  readonly remainder?: Remainder | undefined;
  /** Which more stay dense, for they gain nothing; "slower" needs products and a dispatcher. Default: none. */
  readonly leaveDense?: LeaveDense | undefined;
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
  /** Dense arithmetic on the operand with its zeros, pruning or sampling in it. */
  readonly emulated: number;
}

/** Knows how long a product takes; a Dispatcher is one. */
export interface Timer {
  /** mask: of a product with fixed masks, the one that is timed. Default 0. */
  times(product: Product, operand: Operand, geometry: Geometry, pattern: Pattern, mask?: number): ProductTimes;
}

/**
 * A layer stays dense only if its sparse form is slower than dense by more than this factor, the noise of a
 * measurement.
 */
const SLACK = 1.03;

const SKIP_LAST = ["last"];

/** Makes the plan for every weight that multiplies. */
export function planLayers(
  weights: readonly MultiplyingWeight[],
  operands: OperandsByLayer,
  planning: Planning = { compute: "sparse" },
): PlannedLayer[] {
  const { skip = SKIP_LAST, leaveDense = [], remainder = "dense", products, dispatcher } = planning;
  requireNames(weights, "layers", operands.parts, "parts of the names ");
  if (leaveDense === "slower" && (products === undefined || dispatcher === undefined)) {
    const todo = "Give both, or the names of the layers that shall stay dense";
    throw expected("leaveDense", 'the shape of an input and measured times for "slower"', "none", todo);
  }
  const left = leaveDense === "slower" ? [] : leaveDense;
  requireNames(weights, "leaveDense", left, `"slower" or a list of ${SKIP_FORM} of `);
  const skipped = skipReasons(weights, skip, products);
  const leftReasons = skipReasons(weights, left, products);
  return weights.map((weight, i) => {
    const own = operands.of(weight.name);
    const why = skipped[i] ?? (leftReasons[i] === undefined ? undefined : `left dense: ${leftReasons[i]}`);
    if (why !== undefined) return denseLayer(weight, why, isEligible(weight, own, remainder));
    return planLayer(weight, own, planning);
  });
}

/** Whether the method for weights fits, whatever is skipped. */
function isEligible(weight: MultiplyingWeight, { forward }: Operands, remainder: Remainder): boolean {
  const { rows, axis, axisLength, groups, readBy } = weight;
  if (forward === null || groups > 1 || readBy !== null) return false;
  const { method, pattern } = forward;
  return (
    method.misfit?.(pattern, rows) === undefined &&
    misfit(pattern, axisLength, axis, restOf(method, remainder)) === undefined
  );
}

/** Shorter groups are for methods that leave the choice in a group to the parameter. */
function restOf(method: WeightMethod, remainder: Remainder): Remainder {
  return method.shortGroups === true && method.spatialBranches !== true ? remainder : "dense";
}

function planLayer(source: MultiplyingWeight, operands: Operands, planning: Planning): PlannedLayer {
  const planned = planProducts(source, operands, planning);
  const { operand, computed } = planned.products.forward;
  // sparse activations that do not pay leave forward to the weight: which of the two is sparse is no matter of a promise
  if (operand === "activations" && computed !== "sparse" && operands.forward !== null)
    return planProducts(source, { ...operands, activations: null }, planning);
  return planned;
}

function planProducts(source: MultiplyingWeight, operands: Operands, planning: Planning): PlannedLayer {
  const { name, weight, axis } = source;
  const { compute, products, dispatcher, leaveDense, remainder = "dense" } = planning;
  const traced = products?.get(weight);
  const wishes = wishesOf(source, operands, traced, remainder);
  const sparseWeight = isOfWeight(wishes.forward);
  const decide = (product: Product, copy: boolean): Decision => {
    const wish = wishes[product];
    if (typeof wish === "string") {
      // the weight is pruned for another product
      const computed = product !== "weightGrad" && sparseWeight ? "emulated" : "dense";
      return { planned: { ...NOTHING, computed, reason: wish }, times: null };
    }
    const { operand, pattern } = wish;
    const times =
      traced === undefined || dispatcher === undefined || wish.emulatedOnly !== undefined
        ? null
        : dispatcher.times(product, operand, traced.geometry, pattern, wish.mask);
    const own = times !== null && copy ? { ...times, sparse: times.sparseAndCopy } : times;
    return { planned: planProduct(wish, compute, own), times: own };
  };
  const inputGrad = decide("inputGrad", false);
  // another operand than the packed weight, or none, is multiplied by the weight with its zeros
  const copy = sparseWeight && traced?.inputGrad !== false && inputGrad.planned.operand !== "weight";
  const decisions = { forward: decide("forward", copy), inputGrad, weightGrad: decide("weightGrad", false) };
  const own = {
    forward: decisions.forward.planned,
    inputGrad: inputGrad.planned,
    weightGrad: decisions.weightGrad.planned,
  };
  const eligible = isEligible(source, operands, remainder);
  const asked = PRODUCTS.filter((product) => own[product].operand !== null);
  if (asked.length === 0) return denseLayer(source, own.forward.reason, eligible, own);
  const slower = leaveDense === "slower" ? slowerThanDense(asked.map((product) => decisions[product])) : undefined;
  if (slower !== undefined) return denseLayer(source, slower, eligible, own);
  const pattern = sparseWeight ? own.forward.pattern : null;
  const isShort = pattern !== null && source.axisLength % operands.forward!.pattern.m !== 0;
  const groups = `groups of ${operands.forward?.pattern.m} along ${axis}${isShort ? ", the last of them shorter" : ""}`;
  const reason = pattern === null ? own.forward.reason : groups;
  return { name, shape: weight.shape, axis, eligible, pattern, computed: computedOf(own), reason, products: own };
}

/** An operand that shall be sparse in one product. */
interface Wish {
  readonly operand: Operand;
  /** Of activations: the number of the fixed mask by which the product is timed. */
  readonly mask?: number | undefined;
  readonly method: string;
  readonly pattern: Pattern;
  readonly readsHost: string | undefined;
  /** Why there is no kernel that skips its zeros. */
  readonly emulatedOnly?: string | undefined;
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
  { rows, k, axis, axisLength, readBy }: MultiplyingWeight,
  { forward, activations, inputGrad, weightGrad }: Operands,
  traced: Products | undefined,
  remainder: Remainder,
): Record<Product, Wish | string> {
  const wish = (
    operand: Operand,
    method: Pick<WeightMethod, "name" | "misfit" | "readsHost">,
    pattern: Pattern,
    length: number,
    along: string,
  ): Wish | string =>
    method.misfit?.(pattern, rows) ??
    misfit(pattern, length, along) ?? { operand, method: method.name, pattern, readsHost: method.readsHost };
  const shared = readBy === null ? undefined : `shared with ${readBy}, which reads it whole`;
  const ofForwardWeight = (): Wish | string => {
    if (forward === null) return NOT_ASKED;
    const { method, pattern } = forward;
    const whole = wish("weight", method, pattern, axisLength, axis);
    if (typeof whole !== "string" || method.misfit?.(pattern, rows) !== undefined) return shared ?? whole;
    if (misfit(pattern, axisLength, axis, restOf(method, remainder)) !== undefined) return shared ?? whole;
    const { name, readsHost = "shorter groups are cut on the host" } = method;
    return (
      shared ?? { operand: "weight", method: name, pattern, readsHost, emulatedOnly: "no kernel for shorter groups" }
    );
  };
  const ofWeight = ofForwardWeight();
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
    if ("prune" in method) {
      const found = wish("weight", method, { ...pattern, m: pattern.m ** 2 }, rows * k, "weights");
      return typeof found === "string" ? found : { ...found, pattern, emulatedOnly: method.emulatedOnly };
    }
    const found = wish(method.operand, method, pattern, rows, "outputs");
    const rest = method.operand === "weight" && method.shortGroups === true ? remainder : "dense";
    if (typeof found === "string" && misfit(pattern, rows, "outputs", rest) === undefined) {
      const { name, readsHost = "shorter groups are cut on the host" } = method;
      return { operand: "weight", method: name, pattern, readsHost, emulatedOnly: "no kernel for shorter groups" };
    }
    if (typeof found === "string" || method.operand === "weight") return found;
    // without a geometry: a convolution's groups run along channels
    const isMatrix = traced === undefined ? axis === "inputs" : traced.geometry[1] * traced.geometry[2] === 1;
    return isMatrix ? found : { ...found, emulatedOnly: "no kernel for a sparse gradient here" };
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
    const found = wish(method.operand, method, pattern, positions, "positions");
    return typeof found === "string" || method.operand === "gradient" ? found : { ...found, mask: method.timedMask };
  };
  return { forward: ofForward, inputGrad: ofInputGrad(), weightGrad: ofWeightGrad() };
}

const NOT_ASKED = "not asked for";

function planProduct(
  { operand, method, pattern, readsHost, emulatedOnly }: Wish,
  compute: Compute,
  times: ProductTimes | null,
): PlannedProduct {
  const pays = times === null || times.sparse < times.emulated;
  const computed =
    emulatedOnly !== undefined || compute === "emulated" || (compute === "auto" && !pays) ? "emulated" : "sparse";
  return {
    ...{ operand, method, pattern: patternName(pattern), computed },
    denseMs: times?.dense ?? null,
    sparseMs: times?.sparse ?? null,
    emulatedMs: times?.emulated ?? null,
    reason: emulatedOnly ?? (compute !== "auto" ? `${compute} was asked for` : comparison(computed, times)),
    ...(readsHost === undefined ? {} : { readsHost }),
  };
}

/** Why a layer stays dense as a whole; undefined if it does not. */
function slowerThanDense(decisions: readonly Decision[]): string | undefined {
  let dense = 0;
  let best = 0;
  for (const { planned, times } of decisions) {
    if (times === null) continue;
    dense += times.dense;
    best += times[planned.computed];
  }
  return best > SLACK * dense ? `slower: dense ${dense.toFixed(2)} ms, sparse ${best.toFixed(2)} ms` : undefined;
}

const NOTHING = { operand: null, method: null, pattern: null, denseMs: null, sparseMs: null, emulatedMs: null };

function computedOf(products: Record<Product, PlannedProduct>): Record<Product, Computed> {
  return {
    forward: products.forward.computed,
    inputGrad: products.inputGrad.computed,
    weightGrad: products.weightGrad.computed,
  };
}

/** The plan of a layer that is dense in all products; `considered` keeps the times that speak for it. */
function denseLayer(
  { name, weight, axis }: MultiplyingWeight,
  reason: string,
  eligible: boolean,
  considered?: Record<Product, PlannedProduct>,
): PlannedLayer {
  const dense = (product: Product): PlannedProduct => ({
    ...(considered === undefined ? NOTHING : { ...considered[product], operand: null, method: null, pattern: null }),
    computed: "dense",
    reason: considered?.[product].operand === null ? considered[product].reason : reason,
  });
  const products = { forward: dense("forward"), inputGrad: dense("inputGrad"), weightGrad: dense("weightGrad") };
  const { shape } = weight;
  return { name, shape, axis, eligible, pattern: null, computed: computedOf(products), reason, products };
}

function comparison(computed: Computed, times: ProductTimes | null): string {
  if (times === null) return "not measured";
  const { dense, sparse, emulated } = times;
  const ratio = computed === "sparse" ? dense / sparse : dense / emulated;
  const text = ratio > 1 ? `${ratio.toFixed(2)}x dense` : `dense is ${(1 / ratio).toFixed(2)}x`;
  return computed === "sparse" ? text : `emulated is ${(sparse / emulated).toFixed(2)}x sparse; ${text}`;
}
