/**
 * Models as data: what the `model` of a recipe may hold, what it builds, and how a smaller model is described again. A
 * new model is a file in nn/models and an entry here.
 */
import { z } from "zod";
import { KIND_WORDS, type Task } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import { gatherInputs } from "../../core/nn/gathered-linear.ts";
import type { InitOptions } from "../../core/nn/init-options.ts";
import { cnn } from "../../core/nn/models/cnn.ts";
import { detector } from "../../core/nn/models/detector.ts";
import { gpt } from "../../core/nn/models/gpt.ts";
import { lenet } from "../../core/nn/models/lenet.ts";
import { mlp } from "../../core/nn/models/mlp.ts";
import { blocksOf, resnet } from "../../core/nn/models/resnet.ts";
import { squeezenet } from "../../core/nn/models/squeezenet.ts";
import type { Module } from "../../core/nn/module.ts";
import type { Values } from "../../core/nn/state.ts";
import { type Shape, sizeOf } from "../../core/tensor/tensor.ts";

/** A model that recipes can name. */
interface ModelEntry<Kind extends Task["kind"], Keys extends z.ZodRawShape> {
  /** The kind of task that the model is for. */
  readonly kind: Kind;
  /** Whether batch norms follow its convolutions. Default false. */
  readonly normalized?: boolean;
  readonly keys: Keys;
  build(own: z.infer<z.ZodObject<Keys>>, task: Extract<Task, { kind: Kind }>, init: InitOptions): Module;
  /** The keys whose numbers are those of a state's arrays, which describe a model after channels were removed. */
  widthsOf(state: Values, own: z.infer<z.ZodObject<Keys>>): Partial<z.infer<z.ZodObject<Keys>>>;
}

/** Returns the entry itself; it is here for the types. */
function model<Kind extends Task["kind"], Keys extends z.ZodRawShape>(
  entry: ModelEntry<Kind, Keys>,
): ModelEntry<Kind, Keys> {
  return entry;
}

const count = z.int().min(1);
const widths = z.array(count).min(1).max(16);
const dropout = z.number().min(0).max(0.9).default(0);

const columns = z
  .record(z.string().min(1), count)
  .optional()
  .describe("layers, by path, that gather so many columns of their input; the others are zero in all rows");

const models = {
  mlp: model({
    kind: "images",
    keys: {
      hidden: widths.default([1024, 1024]).describe("widths of the hidden layers"),
      dropout: dropout.describe("behind each hidden layer"),
      columns,
    },
    build: ({ hidden, dropout }, { shape, classes }, init) =>
      mlp([sizeOf(shape), ...hidden, classes], { ...init, dropout }),
    widthsOf: (state, { hidden }) => ({ hidden: hidden.map((_, i) => rowsOf(state, `fc${i + 1}`)) }),
  }),
  cnn: model({
    kind: "images",
    normalized: true,
    keys: { widths: widths.default([32, 64, 128]).describe("channels of the 3x3 convolutions"), columns },
    build: ({ widths }, { shape, classes }, init) => cnn(shape[2], widths, classes, init),
    widthsOf: convolutionsOf,
  }),
  lenet: model({
    kind: "images",
    keys: {
      widths: z.tuple([count, count, count]).default([20, 50, 500]).describe("filters, filters, hidden units"),
      columns,
    },
    build: ({ widths }, { shape, classes }, init) => lenet(...shape, classes, { ...init, widths }),
    widthsOf: (state): { widths: [number, number, number] } => ({
      widths: [rowsOf(state, "conv1"), rowsOf(state, "conv2"), rowsOf(state, "fc1")],
    }),
  }),
  resnet: model({
    kind: "images",
    normalized: true,
    keys: {
      depth: z.union([z.literal(8), z.literal(14), z.literal(20), z.literal(32)]).default(20),
      widths: z.tuple([count, count, count]).default([16, 32, 64]).describe("channels of the three stages, growing"),
      blocks: z
        .array(z.union([count, z.enum(["constant", "shortcut"])]))
        .optional()
        .describe("channels within each block; constant: its shortcut and a bias; shortcut: that alone"),
      columns,
    },
    build: (own, { shape, classes }, init) =>
      resnet(own.depth, shape[2], classes, { ...init, widths: own.widths, blocks: own.blocks }),
    widthsOf: (state, own) => ({
      widths: stagesOf(state, own),
      blocks: blocksOf(own.depth, own).map((block, i) =>
        typeof block === "number" ? rowsOf(state, `block${i + 1}.body.conv1`) : block,
      ),
    }),
  }),
  squeezenet: model({
    kind: "images",
    normalized: true,
    keys: {
      width: count.default(32).describe("filters of the first convolution"),
      fires: z
        .array(
          z
            .tuple([count, z.int().min(0), z.int().min(0)])
            .refine(([, one, three]) => one + three > 0, "expected filters that expand"),
        )
        .min(1)
        .max(8)
        .default([
          [16, 32, 32],
          [16, 32, 32],
          [32, 64, 64],
          [32, 64, 64],
        ])
        .describe("of each Fire module the filters that squeeze, and the 1x1 and the 3x3 ones that expand, 0: none"),
      columns,
    },
    build: ({ width, fires }, { shape, classes }, init) => squeezenet(shape[2], width, fires, classes, init),
    widthsOf: (state, { fires }) => ({
      width: rowsOf(state, "conv1"),
      fires: fires.map((_, i) => {
        const expand = (kernel: string): number =>
          state.get(`fire${i + 1}.expand.${kernel}.conv.weight`)?.shape[0] ?? 0;
        return [rowsOf(state, `fire${i + 1}.squeeze.conv`), expand("1x1"), expand("3x3")];
      }),
    }),
  }),
  detector: model({
    kind: "boxes",
    normalized: true,
    keys: {
      widths: z
        .array(count)
        .min(3)
        .max(16)
        .default([16, 32, 64, 128, 128])
        .describe("channels of the 3x3 convolutions; each of the first three halves the image"),
      columns,
    },
    build: ({ widths }, { shape, classes }, init) => detector(shape[2], widths, classes, init),
    widthsOf: convolutionsOf,
  }),
  gpt: model({
    kind: "text",
    keys: {
      layers: count.default(4),
      width: count.default(256).describe("of the sequence"),
      heads: count.default(4).describe("of attention; they divide the width"),
      hidden: z.array(count).optional().describe("units of each block's MLP; left out, four times the width"),
      context: count.default(128).describe("characters a window"),
      activation: z.enum(["gelu", "squared-relu"]).default("gelu"),
      dropout: dropout.describe("of the embedded sequence and behind each branch"),
    },
    build: ({ layers, width, heads, context, activation, dropout, hidden }, { classes: vocabulary }, init) =>
      gpt({ layers, width, heads, context, activation, dropout, hidden, ...init, vocabulary }),
    widthsOf: (state, { layers }) => ({
      hidden: Array.from({ length: layers }, (_, i) => rowsOf(state, `blocks.${i}.mlp.fc1`)),
    }),
  }),
};

type Models = typeof models;
type ModelName = keyof Models;

/** The model of a recipe: a name of the table above, and all keys of its entry. */
export type Architecture = {
  [Name in ModelName]: { name: Name } & z.infer<z.ZodObject<Models[Name]["keys"]>>;
}[ModelName];

const entries = Object.entries(models) as [ModelName, ModelEntry<Task["kind"], z.ZodRawShape>][];

/** The names of the models, in the order of the table. */
export const modelNames: readonly string[] = entries.map(([name]) => name);

/** The names of models with batch norms behind their convolutions. */
export const normalizedModels: readonly string[] = entries
  .filter(([, { normalized }]) => normalized)
  .map(([name]) => name);

export const architectureSchema = z.discriminatedUnion(
  "name",
  entries.map(([name, { keys }]) => z.strictObject({ name: z.literal(name), ...keys })) as unknown as [
    z.ZodObject<{ name: z.ZodLiteral<ModelName> }>,
  ],
) as unknown as z.ZodType<Architecture, { name: ModelName }>;

/** Name of the data for kinds of tasks that have only one source. */
const DATA: Partial<Record<Task["kind"], string>> = { text: "text", boxes: "scenes" };

/** Builds the model of a recipe for a task. Throws if the model is for another kind of task. */
export function buildModel(architecture: Architecture, task: Task, init: InitOptions): Module {
  const { kind, build } = entryOf(architecture);
  if (kind === task.kind) {
    const columns = "columns" in architecture ? architecture.columns : undefined;
    return gatherInputs(build(architecture, task, init), columns ?? {}, init);
  }
  const fitting = entries.filter(([, { kind }]) => kind === task.kind).map(([name]) => name);
  const data = DATA[kind];
  const todo =
    data === undefined
      ? `Choose the model ${fitting.join(" or ")}, or other data`
      : `Choose the data ${data}, or another model`;
  throw expected(`model ${architecture.name}`, KIND_WORDS[kind], KIND_WORDS[task.kind], todo);
}

/** The architecture with the widths that the arrays of a state have. */
export function withWidthsOf(architecture: Architecture, state: Values): Architecture {
  return { ...architecture, ...entryOf(architecture).widthsOf(state, architecture) } as Architecture;
}

/** Shape of one input of a model; for texts one token, because each place of a window multiplies alike. */
export function inputShapeOf(task: Task): Shape {
  return task.kind === "text" ? [1] : task.shape;
}

/** Shape of one input of a model, and the number of inputs in a step. */
export function inputOf(
  { model, batchSize }: { readonly model: Architecture; readonly batchSize: number },
  task: Task,
): { readonly shape: Shape; readonly count: number } {
  return { shape: inputShapeOf(task), count: model.name === "gpt" ? batchSize * model.context : batchSize };
}

function entryOf({ name }: Architecture): ModelEntry<Task["kind"], z.ZodRawShape> {
  return models[name] as ModelEntry<Task["kind"], z.ZodRawShape>;
}

/** Number of outputs of a layer. */
function rowsOf(state: Values, layer: string): number {
  const found = state.get(`${layer}.weight`);
  if (found === undefined) throw expected("widths of a state", `a layer ${layer}`, "none", "Pass its own model");
  return found.shape[0];
}

function convolutionsOf(state: Values, { widths }: { widths: readonly number[] }): { widths: number[] } {
  return { widths: widths.map((_, i) => rowsOf(state, `conv${i + 1}`)) };
}

/** Width of each stage, from a block of it that is left, or else from the widths of its neighbors. */
function stagesOf(
  state: Values,
  { depth, widths }: { depth: number; widths: readonly [number, number, number] },
): [number, number, number] {
  const perStage = (depth - 2) / 6;
  const of = (stage: number): number | undefined => {
    for (let i = stage * perStage + 1; i <= (stage + 1) * perStage; i++) {
      const rows = state.get(`block${i}.body.conv2.weight`) ?? state.get(`block${i}.bias`);
      if (rows !== undefined) return rows.shape[0];
    }
    return undefined;
  };
  const first = rowsOf(state, "conv1");
  const last = state.get("fc.weight")!.shape[1];
  const middle = of(1) ?? Math.max(first, Math.min(widths[1], last));
  return [first, middle, last];
}
