/**
 * Recipes: a run as data. One zod definition gives the type, the JSON schema and the errors.
 * Table-driven parts (methods, data sets, models) come from their tables, so a new line there is a new key here.
 */
import { z } from "zod";
import { expected, nearest } from "../../core/errors.ts";
import { defaultOf, type Option } from "../../core/options.ts";
import { isPattern, PATTERN_FORM, REMAINDERS } from "../../core/sparse/pattern.ts";
import { activationMethods } from "../../core/sparsity/methods/activations/methods.ts";
import type { MethodFactory } from "../../core/sparsity/methods/define-method.ts";
import { inputGradMethods } from "../../core/sparsity/methods/input-grad/methods.ts";
import type { ActivationMethod, InputGradMethod, WeightGradMethod } from "../../core/sparsity/methods/method.ts";
import { strategies } from "../../core/sparsity/methods/strategies.ts";
import { groupStructures } from "../../core/sparsity/methods/structured/groups.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../../core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { SKIP_FORM } from "../../core/sparsity/skip.ts";
import { PRECISIONS } from "../../core/tensor/precision.ts";
import { sources } from "../data/sources.ts";
import { architectureSchema, normalizedModels } from "./architecture.ts";
import { tellFormer, withCurrentNames } from "./former-names.ts";
import { wanted } from "./wanted.ts";

const names = (list: readonly string[]): [string, ...string[]] => list as [string, ...string[]];
const count = z.int().min(1);

const ofImages = (source: string): boolean => sources[source].task.kind === "images";

const schedule = z
  .strictObject({
    name: z.enum(["constant", "cosine", "step"]).default("cosine"),
    warmup: z
      .number()
      .min(0)
      .max(0.5)
      .default(0.05)
      .describe("share of a phase with a linear rise; ASP has two phases, the others one"),
    milestones: z
      .array(z.number().min(0).max(1))
      .default([0.5, 0.75])
      .describe("step: shares of a phase at which the rate drops"),
    factor: z.number().min(0).max(1).default(0.1).describe("step: what it is multiplied by"),
  })
  .prefault({});

const optimizers = [
  z.strictObject({
    name: z.literal("adamw"),
    learningRate: z.number().gt(0).default(1e-3).describe("the highest one"),
    weightDecay: z.number().min(0).default(0.01),
    decayed: z
      .enum(["all", "matrices"])
      .default("all")
      .describe("matrices: no decay of biases and of the gains of normalization, as is usual for transformers"),
    clip: z.number().gt(0).nullable().default(null).describe("largest global norm of the gradients"),
    schedule,
  }),
  z.strictObject({
    name: z.literal("sgd"),
    learningRate: z.number().gt(0).default(0.05).describe("the highest one"),
    momentum: z.number().min(0).lt(1).default(0.9),
    nesterov: z.boolean().default(false),
    weightDecay: z.number().min(0).default(5e-4),
    clip: z.number().gt(0).nullable().default(null),
    schedule,
  }),
] as const;

/** The optimizers that a recipe can name. */
export const optimizerNames: readonly string[] = optimizers.map(({ shape }) => shape.name.value);

const optimizer = z.discriminatedUnion("name", optimizers).prefault({ name: "adamw" });

const pattern = z.string().refine(isPattern, `expected ${PATTERN_FORM}`);

/** The keys for the options of a method. */
const keysOf = ({ options }: MethodFactory<unknown>): Record<string, z.ZodType> =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      const value = defaultOf(option);
      return [name, keyOf(option).default(value).describe(option.about)];
    }),
  );

function keyOf(option: Option): z.ZodType<number | string> {
  if (option.kind === "word") return z.enum(names(option.words));
  const { min, max, integer = false, words } = option;
  const within = z.number().min(min).max(max);
  const number = integer ? within.refine(Number.isInteger, "expected a whole number") : within;
  return words === undefined ? number : z.union([number, z.enum(names(words))]);
}

type Named = z.ZodObject<{ name: z.ZodLiteral<string> }>;

const ofPatterns = weightMethods.map((entry) => {
  const sparse = entry.sparse ? { pattern: pattern.default("2:4").describe("N:M or N:MvV") } : {};
  return z.strictObject({ name: z.literal(entry.name), ...sparse, ...keysOf(entry) }).describe(entry.about);
}) as unknown as [Named];

const withoutPattern = unstructuredMethods.map((entry) =>
  z.strictObject({ name: z.literal(entry.name), ...keysOf(entry) }).describe(entry.about),
) as unknown as Named[];

const method = z.discriminatedUnion("name", [...ofPatterns, ...withoutPattern]).prefault({ name: "sr-ste" });

/** The schema for a method of an operand other than the weight, or "dense" for none. */
const operand = (
  methods: readonly MethodFactory<ActivationMethod | InputGradMethod | WeightGradMethod>[],
  about: string,
) =>
  z
    .discriminatedUnion("name", [
      z.strictObject({ name: z.literal("dense") }),
      ...methods.map((entry) => {
        // a fixed mask has its own pattern
        const own = "pattern" in entry();
        const chosen = pattern.optional().describe("N:M or N:MvV; left out, that of the method for weights");
        return z
          .strictObject({ name: z.literal(entry.name), ...(own ? {} : { pattern: chosen }), ...keysOf(entry) })
          .describe(entry.about);
      }),
    ])
    .prefault({ name: "dense" })
    .describe(about);

const ofActivations = operand(
  activationMethods,
  "the sparse operand of forward in layers whose input is of a squared ReLU",
);
const ofInputGrad = operand(inputGradMethods, "the sparse operand of the input gradient");
const ofWeightGrad = operand(weightGradMethods, "the sparse operand of the weight gradient");

const layer = z.strictObject({
  // only methods with a pattern: one without acts on all layers that are not skipped
  method: z.discriminatedUnion("name", ofPatterns).optional(),
  activations: ofActivations.unwrap().optional(),
  inputGrad: ofInputGrad.unwrap().optional(),
  weightGrad: ofWeightGrad.unwrap().optional(),
});

const share = z.number().min(0).max(1);

const phases = z
  .strictObject({
    sparseFrom: share.default(0).describe("before it everything is dense"),
    frozenFrom: share.default(1).describe("from then on masks stay as they are"),
    denseFrom: share.default(1).describe("from then on everything is dense, and so is the result"),
  })
  .prefault({})
  .describe("shares of the run's steps");

const monitor = z
  .strictObject({
    every: z.int().min(0).default(0).describe("steps from one look at the gradients to the next; 0: none"),
    repeats: z.int().min(2).max(64).default(8).describe("sparse gradients a look"),
    masks: z
      .int()
      .min(0)
      .optional()
      .describe("steps from one record of masks to the next, 0: none; left out, a hundredth of the run, at least 20"),
    virtual: pattern
      .optional()
      .describe("of a run with dense weights: records the masks that this pattern would have; compare sets it"),
    nnstd: z
      .enum(["by-layer", "carried"])
      .optional()
      .describe(
        "by-layer: each layer's neurons are matched by themselves; carried: inputs are renamed by the match of the layer before; left out, by-layer",
      ),
  })
  .prefault({})
  .describe("what is watched beside the training: masks, and sparse gradients against dense ones");

const structures = ["weight", ...groupStructures.map(({ name }) => name)];

const regularizer = z
  .strictObject({
    structure: z
      .string()
      .refine(isStructure, `expected one of ${structures.join(", ")}, block YxX`)
      .describe(`what becomes zero together: ${structures.join(", ")} or block YxX; weight: each alone, L1`),
    lambda: z
      .number()
      .gt(0)
      .optional()
      .describe(
        "times the sum of the groups' norms, in the loss; may be left out with smallest, whose groups are then led to zero",
      ),
    form: z
      .enum(["proximal", "subgradient"])
      .default("proximal")
      .describe(
        "proximal: a step of its own with exact zeros; subgradient: the authors' way, zeros by a threshold of 1e-4",
      ),
    bySize: z.boolean().default(false).describe("lambda times the root of a group's size"),
    // without a default, so that recipes that do not mention it stay as they were
    folded: z
      .boolean()
      .optional()
      .describe("of the weight times the scale of the batch norm behind it; weights without one are taken as they are"),
    smallest: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe(
        "penalizes this share of a weight's groups alone, or of all layers or bodies, the smallest when the penalty begins; left out, all",
      ),
    layers: z
      .string()
      .min(1)
      .optional()
      .describe("part of the names of the weights (body: of its gains); left out, all but those of skip"),
  })
  .refine(({ lambda, smallest, form }) => lambda !== undefined || (smallest !== undefined && form === "proximal"), {
    path: ["lambda"],
    message: "expected a number where not the smallest groups are to go, by proximal steps",
  });

function isStructure(word: string): boolean {
  return structures.includes(word) || /^block [1-9]\d*x[1-9]\d*$/.test(word);
}

const strategy = z
  .strictObject({
    name: z.enum(names(strategies.map(({ name }) => name))),
    pattern: pattern.default("2:4").describe("N:M or N:MvV"),
  })
  .describe("a word for method, inputGrad and weightGrad; those that are given too take its place");

const recipe = z
  .strictObject({
    $schema: z.string().optional(),
    about: z.string().optional().describe("one line for readers"),
    data: z
      .strictObject({
        name: z.enum(names(Object.keys(sources))).default("digits"),
        dir: z.string().optional().describe("folder that holds the files; without it they are fetched once"),
        file: z.string().optional().describe("of text: the name of its file"),
        limit: z
          .strictObject({
            train: count.optional().describe("train on the first so many images only, of a text characters"),
            test: count.optional().describe("test on the first so many images only, of a text characters"),
          })
          .optional(),
        // without a default, so that recipes that do not mention it stay as they were
        validation: z
          .strictObject({
            fraction: z.number().gt(0).lt(1).default(0.1).describe("share of the training split"),
            seed: z.int().min(0).max(0xffffffff).default(0).describe("of the choice, the same for runs of all seeds"),
            stratified: z.boolean().default(true).describe("of images: as large a share of each class"),
          })
          .optional()
          .describe("held back of the training split: curves and choices are on it, and the test split is seen once"),
        shuffled: z
          .boolean()
          .default(false)
          .describe("one other order of the pixels of all images: neighbors are not alike"),
        augment: z.boolean().default(false).describe("mirror and shift training images"),
      })
      .refine(({ name, file }) => file === undefined || name === "text", {
        path: ["file"],
        message: "only the data text has one",
      })
      .refine(({ name, augment }) => !augment || ofImages(name), { path: ["augment"], message: "only images can be" })
      .refine(({ name, shuffled }) => !shuffled || ofImages(name), {
        path: ["shuffled"],
        message: "only images can be",
      })
      .prefault({}),
    model: architectureSchema.prefault({ name: "mlp" }),
    strategy: strategy.optional(),
    method,
    activations: ofActivations,
    inputGrad: ofInputGrad,
    weightGrad: ofWeightGrad,
    spatialBranches: z
      .boolean()
      .default(false)
      .describe("SpRe's branches beside sparse 3x3 convolutions, with any method; spre has them anyway"),
    skip: z.array(z.string().min(1)).default(["last"]).describe(`weights that stay dense: ${SKIP_FORM}`),
    leaveDense: z
      .union([z.literal("slower"), z.array(z.string().min(1))])
      .optional()
      .describe(
        `layers that stay dense because they gain nothing: slower, by measured times, or a list as in skip; left out, none`,
      ),
    remainder: z
      .enum(REMAINDERS)
      .default("dense")
      .describe("what becomes of inputs that M does not divide: the layer stays dense, or they are a shorter group"),
    keepZeros: z
      .boolean()
      .default(false)
      .describe("whether what is zero at the start, as in a model that was pruned before, stays zero under N:M"),
    layers: z
      .record(z.string().min(1), layer)
      .default({})
      .describe("other choices for the weights whose names hold this part; the first that fits counts"),
    regularize: z
      .array(regularizer)
      .optional()
      .describe("penalties that zero whole structures, from phases.sparseFrom to frozenFrom; then zeros stay"),
    phases,
    monitor,
    optimizer,
    epochs: count.optional().describe("passes over the training data; 5 where neither epochs nor steps are given"),
    steps: count.optional().describe("in place of epochs"),
    keep: z
      .enum(["last", "best"])
      .optional()
      .describe(
        "which weights a run ends with: its last, or those of the least loss on the validation split; left out, last",
      ),
    precision: z.enum(PRECISIONS).optional().describe("what products compute in; left out, f32"),
    batchSize: count.default(128).describe("images a step; of a text windows"),
    seed: z.int().min(0).max(0xffffffff).default(1),
  })
  .refine(({ epochs, steps }) => epochs === undefined || steps === undefined, {
    ...{ path: ["steps"], message: "expected none beside epochs" },
  })
  .refine(({ spatialBranches, model }) => !spatialBranches || normalizedModels.includes(model.name), {
    ...{
      path: ["spatialBranches"],
      message: `only ${normalizedModels.slice(0, -1).join(", ")} and ${normalizedModels.at(-1)} have convolutions that a batch norm follows`,
    },
  })
  .refine(
    ({ method, phases: { sparseFrom, frozenFrom, denseFrom } }) =>
      (sparseFrom === 0 && frozenFrom === 1 && denseFrom === 1) ||
      !unstructuredMethods.some(({ name }) => name === method.name),
    { path: ["phases"], message: "expected none beside a method without a pattern, which has its own" },
  )
  .refine(({ keep, data: { validation } }) => keep !== "best" || validation !== undefined, {
    ...{ path: ["keep"], message: 'expected data.validation beside "best"' },
  })
  .describe("A training run of trisparse");

/** A complete recipe: every default is filled in, and it has either epochs or steps. */
export type Recipe = Omit<z.infer<typeof recipe>, keyof Choices | "layers"> &
  Choices & {
    layers: Readonly<Record<string, Partial<Choices>>>;
  };

/** The methods of the sparse operands. */
interface Choices {
  method: MethodChoice;
  activations: OperandChoice;
  inputGrad: OperandChoice;
  weightGrad: OperandChoice;
}

/** A method with its pattern (none for dense) and its options. */
export interface MethodChoice {
  readonly name: string;
  readonly pattern?: string;
  readonly [option: string]: string | number | undefined;
}

/** A method for an operand other than the weight; "dense" for none. */
export interface OperandChoice {
  readonly name: string;
  readonly pattern?: string | undefined;
  readonly [option: string]: string | number | undefined;
}

/** The JSON schema of recipes, for editors. */
export function recipeSchema(): object {
  return z.toJSONSchema(recipe, { io: "input" });
}

/**
 * Checks a recipe and fills in its defaults. Throws one error that names every problem, with the nearest known key. A
 * key by its name of version 0.1 is read, with a line on stderr.
 */
export function parseRecipe(given: unknown, where = "recipe"): Recipe {
  const value = withCurrentNames(given, tellFormer);
  const parsed = recipe.safeParse(withStrategy(value));
  if (parsed.success) {
    const complete = parsed.data as unknown as Recipe;
    return complete.steps === undefined ? { ...complete, epochs: complete.epochs ?? 5 } : complete;
  }
  throw expected(
    where,
    "a recipe as recipes/schema.json describes",
    parsed.error.issues.map((issue) => explain(issue, value)).join("; "),
    "Correct these keys",
  );
}

/** The recipe with the methods of its strategy written out. */
function withStrategy(value: unknown): unknown {
  const { strategy: chosen } = (value ?? {}) as { strategy?: unknown };
  const parsed = strategy.safeParse(chosen);
  if (!parsed.success) return value;
  const { name, pattern: own } = parsed.data;
  return { ...strategies.find((one) => one.name === name)!.parts(own), ...(value as object) };
}

function explain(issue: z.core.$ZodIssue, value: unknown): string {
  const at = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(issue.path, value);
    return issue.keys
      .map((key) => {
        const near = nearest(key, known);
        return `${at}unknown key "${key}"${near === undefined ? "" : ` (perhaps you mean "${near}")`}`;
      })
      .join("; ");
  }
  const given = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const shown = given === undefined ? "" : `, got ${JSON.stringify(given)}`;
  if (issue.code === "invalid_value" || (issue.code === "invalid_union" && typeof given === "string")) {
    const options = issue.code === "invalid_value" ? issue.values.map(String) : namesAt(issue.path);
    const near = typeof given === "string" ? nearest(given, options) : undefined;
    return `${at}${options.length > 0 ? `expected one of ${options.join(", ")}` : wanted(issue)}${shown}${near === undefined ? "" : ` (perhaps you mean "${near}")`}`;
  }
  return `${issue.path.length === 0 ? "the recipe: " : at}${wanted(issue)}${shown}`;
}

type Schema = { properties?: Record<string, Schema & { const?: string }>; oneOf?: Schema[]; anyOf?: Schema[] };

function schemasAt(path: readonly PropertyKey[]): Schema[] {
  let schemas: Schema[] = [recipeSchema() as Schema];
  const opened = (list: Schema[]): Schema[] =>
    list.flatMap((schema) => [schema, ...opened([...(schema.oneOf ?? []), ...(schema.anyOf ?? [])])]);
  for (const key of path) schemas = opened(schemas).flatMap((schema) => schema.properties?.[String(key)] ?? []);
  return opened(schemas);
}

function keysAt(path: readonly PropertyKey[], value: unknown): string[] {
  const given = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const name = (given as { name?: unknown } | undefined)?.name;
  const schemas = schemasAt(path).filter(({ properties }) => properties !== undefined);
  const same = schemas.filter(({ properties }) => properties?.name?.const === name);
  return (same.length > 0 ? same : schemas).flatMap(({ properties }) => Object.keys(properties ?? {}));
}

function namesAt(path: readonly PropertyKey[]): string[] {
  return schemasAt(path.slice(0, -1)).flatMap(({ properties }) => properties?.name?.const ?? []);
}
