/** Makes the training of a model sparse, without a recipe. */
import { PRODUCTS } from "../backend/families/products.ts";
import { expected } from "../errors.ts";
import { type Module, requireModule } from "../nn/module.ts";
import { checkFlags, checkNumbers, checkSizes, checkWords, requireOptions } from "../options.ts";
import { type Pattern, parsePattern, patternName, REMAINDERS, type Remainder } from "../sparse/pattern.ts";
import type { Shape } from "../tensor/tensor.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type MultiplyingWeight, multiplyingWeights, traceProducts } from "./layers.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod, WeightMethod } from "./methods/method.ts";
import type { UnstructuredMethod } from "./methods/unstructured/unstructured-method.ts";
import { PatternSparsifier } from "./pattern-sparsifier.ts";
import { ALWAYS_SPARSE, type Phases } from "./phases.ts";
import {
  COMPUTES,
  type Compute,
  inAllLayers,
  type LeaveDense,
  type Operands,
  type OperandsByLayer,
  type PlannedLayer,
  planLayers,
  type Timer,
} from "./plan.ts";
import { Session } from "./session.ts";
import type { Sparsifier } from "./sparsifier.ts";
import { UnstructuredSparsifier, withUnstructured } from "./unstructured-sparsifier.ts";

/** What shall be sparse in the products of a layer. */
export interface SparseProducts {
  /** The method that prunes the weights: srSte({ lambda }), asp(), ...; null or left out if they stay dense. */
  readonly weights?: WeightMethod | null | undefined;
  /** Pattern of the weights: "2:4", "1:4v2", ... Default "2:4". */
  readonly pattern?: string | undefined;
  /**
   * Method for sparse activations, which replace sparse weights in forward for layers whose input is the output of a
   * squared ReLU; needs `input`.
   */
  readonly activations?: ActivationMethod | undefined;
  /** Pattern of the activations. Default: the pattern of the weights, without vectors. */
  readonly activationPattern?: string | undefined;
  /** Method that makes inputGrad sparse too; its pattern is the weight's unless another is given. */
  readonly inputGrad?: InputGradMethod | undefined;
  readonly inputGradPattern?: string | undefined;
  /** Method that makes weightGrad sparse too; its pattern is the weight's unless another is given. */
  readonly weightGrad?: WeightGradMethod | undefined;
  readonly weightGradPattern?: string | undefined;
}

export interface SparsifyOptions extends Omit<SparseProducts, "weights"> {
  /** A method for N:M weights, or one whose zeros have no pattern: prune(), rigl(), set(). */
  readonly weights?: WeightMethod | UnstructuredMethod | null | undefined;
  /** Number of steps of the whole run: methods with phases count in shares of it. */
  readonly steps: number;
  /** Which weights stay dense: parts of names, "first", "last", "inputs<N", "outputs<N". Default: the last one. */
  readonly skip?: readonly string[] | undefined;
  /** Other choices for weights whose names contain this part; the first part that fits counts. */
  readonly layers?: Readonly<Record<string, SparseProducts>> | undefined;
  /** When products are sparse, in shares of the run. Default: always. */
  readonly phases?: Phases | undefined;
  /**
   * What becomes of inputs, or of channels at each tap of a kernel, that M does not divide. "dense", the default: the layer
   * stays dense. "short-group": the r that are left over are a group of their own, of which ceil(r N / M) are kept; most
   * other runtimes do not read that. For methods that leave the choice to the pattern: ASP, STE and its kin.
   */
  readonly remainder?: Remainder | undefined;
  /**
   * Whether weights that are zero now stay zero, beyond what the pattern asks for: for a model that was pruned before.
   * Of the layers under an N:M method; default false.
   */
  readonly keepZeros?: boolean | undefined;
  /** Seed of samples of gradients and of the draws of methods. Default 1. */
  readonly seed?: number | undefined;
  /** Shape of a batch, [batch, ...input]. With it products can be timed, and the plan knows their sizes. */
  readonly input?: Shape | undefined;
  /** How products with zeros are computed; "auto", by measured times, needs `input`. No weight depends on it. Default "sparse". */
  readonly compute?: Compute | undefined;
  /** Which layers stay dense because they gain nothing: "slower", by measured times, needs `input`. Default: none. */
  readonly leaveDense?: LeaveDense | undefined;
  /** Where times come from; default: they are measured now. */
  readonly dispatcher?: Timer | undefined;
}

/** Throws unless the plan makes some product sparse; the error names each layer's reason. */
export function requireSparse(layers: readonly PlannedLayer[], what: string): void {
  const asked = layers.some(({ products }) => PRODUCTS.some((product) => products[product].operand !== null));
  if (asked) return;
  const reasons = layers.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw expected(
    what,
    "at least one layer that it fits",
    reasons === "" ? "a model without products" : reasons,
    "Choose another pattern, or layer widths that are multiples of its M",
  );
}

/**
 * Puts a model's products under methods and returns the session that holds them. Call it once for a model, before
 * training, and make the optimizer from the session. Throws if the model has a session already, or if nothing fits.
 */
export function sparsify(model: Module, options: SparsifyOptions): Session {
  requireModule("sparsify", model);
  checkOptions(options);
  const {
    weights: method = null,
    steps,
    seed = 1,
    phases = ALWAYS_SPARSE,
    skip = ["last"],
    remainder = "dense",
    keepZeros = false,
  } = options;
  const weights = multiplyingWeights(model);
  const taken = weights.find(({ weight }) => weight.plan !== null);
  if (taken !== undefined) {
    const todo = "Call detach() on its session first";
    throw expected("sparsify", "a model that no session holds", `one whose ${taken.name} is under a method`, todo);
  }
  const masking = method !== null && isUnstructured(method) ? method : null;
  const operands = operandsOf(options, masking === null ? (method as WeightMethod | null) : null);
  const layers = planOf(model, weights, operands, masking, { ...options, skip });
  const sparsifiers: Sparsifier[] = [];
  if (masking !== null) sparsifiers.push(UnstructuredSparsifier.of(model, weights, layers, masking, { steps, seed }));
  if (asksForSparse(operands, weights))
    sparsifiers.push(
      new PatternSparsifier(model, weights, operands, layers, { steps, seed, phases, remainder, keepZeros }),
    );
  return new Session(model, weights, layers, sparsifiers);
}

const PRODUCT_KEYS = {
  ...{ weights: true, pattern: true, activations: true, activationPattern: true },
  ...{ inputGrad: true, inputGradPattern: true, weightGrad: true, weightGradPattern: true },
} as const;

function checkOptions(options: SparsifyOptions): void {
  requireOptions("sparsify", options, {
    ...PRODUCT_KEYS,
    ...{ steps: true, skip: true, layers: true, phases: true, seed: true },
    ...{ input: true, compute: true, leaveDense: true, dispatcher: true, keepZeros: true, remainder: true },
  });
  const {
    weights,
    steps,
    skip = [],
    layers = {},
    phases = ALWAYS_SPARSE,
    seed = 1,
    input,
    compute = "sparse",
  } = options;
  checkSizes("sparsify", { steps });
  checkNumbers("sparsify", { seed }, { min: 0, max: 0xffffffff, integer: true });
  checkWords("sparsify", { compute }, COMPUTES);
  checkWords("sparsify", { remainder: options.remainder ?? "dense" }, REMAINDERS);
  checkFlags("sparsify", { keepZeros: options.keepZeros ?? false });
  checkMethod("sparsify", weights);
  requireNames("skip", skip);
  if (options.leaveDense !== undefined && options.leaveDense !== "slower")
    requireNames("leaveDense", options.leaveDense);
  for (const [part, choices] of Object.entries(layers)) {
    requireOptions(`sparsify: layers["${part}"]`, choices, PRODUCT_KEYS);
    checkMethod(`sparsify: layers["${part}"]`, choices.weights);
  }
  requireOptions("sparsify: phases", phases, { sparseFrom: true, frozenFrom: true, denseFrom: true });
  const { sparseFrom, frozenFrom, denseFrom } = phases;
  checkNumbers("sparsify: phases", { sparseFrom, frozenFrom, denseFrom }, { min: 0, max: 1 });
  if (sparseFrom > frozenFrom || frozenFrom > denseFrom) {
    const got = `${sparseFrom}, ${frozenFrom}, ${denseFrom}`;
    throw expected("sparsify: phases", "sparseFrom <= frozenFrom <= denseFrom", got, "Phases follow each other");
  }
  for (const [axis, length] of (input ?? []).entries()) checkSizes("sparsify", { [`input[${axis}]`]: length });
}

/** A method that was named and not called is a function. */
function checkMethod(where: string, method: unknown): void {
  if (method === undefined || method === null || typeof method === "object") return;
  const got = typeof method === "function" ? "a function" : JSON.stringify(method);
  throw expected(where, "a method, as srSte() gives it", got, "Call it: weights: srSte()");
}

function requireNames(what: string, names: unknown): void {
  if (Array.isArray(names) && names.every((name) => typeof name === "string" && name !== "")) return;
  throw expected(
    "sparsify",
    `${what} as a list of parts of names`,
    JSON.stringify(names),
    'Write it as ["fc1", "last"]',
  );
}

function isUnstructured(method: WeightMethod | UnstructuredMethod): method is UnstructuredMethod {
  return "readsGradient" in method;
}

/** Whether any weight shall be N:M in any product. */
export function asksForSparse(operands: OperandsByLayer, weights: readonly MultiplyingWeight[]): boolean {
  return weights.some(({ name }) => Object.values(operands.of(name)).some((operand) => operand !== null));
}

function operandsOf({ layers = {}, ...all }: SparsifyOptions, weights: WeightMethod | null): OperandsByLayer {
  const base: SparseProducts = { ...all, weights };
  const own = Object.entries(layers).map(([part, choices]) => [part, productsOf({ ...base, ...choices })] as const);
  const others = productsOf(base);
  if (own.length === 0) return inAllLayers(others);
  return {
    all: others,
    parts: own.map(([part]) => part),
    of: (name) => own.find(([part]) => name.includes(part))?.[1] ?? others,
  };
}

function productsOf(choices: SparseProducts): Operands {
  const { weights = null, activations, inputGrad, weightGrad } = choices;
  const pattern = parsePattern(choices.pattern ?? "2:4");
  const patternOr = (text: string | undefined): Pattern => (text === undefined ? pattern : parsePattern(text));
  const fixed = weightGrad?.operand === "activations" ? weightGrad.pattern : undefined;
  return {
    forward: weights === null ? null : { method: weights, pattern },
    activations:
      activations === undefined
        ? null
        : { method: activations, pattern: { ...patternOr(choices.activationPattern), v: 1 } },
    inputGrad: inputGrad === undefined ? null : { method: inputGrad, pattern: patternOr(choices.inputGradPattern) },
    weightGrad:
      weightGrad === undefined ? null : { method: weightGrad, pattern: fixed ?? patternOr(choices.weightGradPattern) },
  };
}

function planOf(
  model: Module,
  weights: readonly MultiplyingWeight[],
  operands: OperandsByLayer,
  masking: UnstructuredMethod | null,
  { input, compute = "sparse", leaveDense, remainder, skip, ...options }: SparsifyOptions & { skip: readonly string[] },
): PlannedLayer[] {
  const measures = compute === "auto" || leaveDense === "slower";
  if (measures && input === undefined) {
    const by = compute === "auto" ? 'compute "auto"' : 'leaveDense "slower"';
    throw expected(
      "sparsify",
      `the shape of an input beside ${by}`,
      "none",
      "Products are timed at its size: give input",
    );
  }
  const [first] = weights;
  const { dispatcher = measures && first !== undefined ? new Dispatcher(first.weight.device.kernels) : undefined } =
    options;
  const products = input === undefined ? undefined : traceProducts(model, input.slice(1), input[0], weights);
  const layers = planLayers(weights, operands, {
    ...{ compute, skip, leaveDense, remainder },
    ...(products === undefined ? {} : { products }),
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  if (masking !== null) return withUnstructured(layers, weights, skip, masking.name, !asksForSparse(operands, weights));
  // that nothing gains is an answer
  if (leaveDense !== undefined && layers.some(({ eligible }) => eligible)) return layers;
  const { forward, inputGrad, weightGrad } = operands.all;
  requireSparse(layers, `pattern ${patternName((forward ?? inputGrad ?? weightGrad)?.pattern ?? parsePattern("2:4"))}`);
  return layers;
}
