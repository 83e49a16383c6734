/** Reads run folders on the disk without changing them: of runs that ended, are training, or were interrupted. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { maskWords } from "../../core/backend/families/masks.ts";
import { expected } from "../../core/errors.ts";
import { isKept } from "../../core/sparse/mask.ts";
import type { PlannedLayer } from "../../core/sparsity/plan.ts";
import { PRECISIONS } from "../../core/tensor/precision.ts";
import { readFile } from "../../node/files.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { wanted } from "../recipes/wanted.ts";
import { isComparison, openComparison } from "./compare.ts";
import { decodeRow } from "./metrics-rows.ts";
import { RunFolder, readMasks, readResult } from "./run-folder.ts";
import type { Machine } from "./together.ts";

const number = z.number();
const products = { forward: number, inputGrad: number, weightGrad: number };
// JSON has no NaN: it comes back as null
const unsure = number.nullable();

const step = z.object({
  ...{ step: z.int(), loss: number, ms: number, pruned: z.boolean(), flips: number },
  gemmMs: z.object({ ...products, pack: number }),
});
const numbers = z.union([
  z.object({ loss: number, accuracy: number }),
  z.object({ loss: number, bitsPerChar: number }),
  z.object({ loss: number, ap50: number, ap: number }),
]);
// a record of the middle of a run has one of them
const evaluation = z
  .object({ ...{ epoch: number, step: z.int() }, validation: numbers.optional(), test: numbers.optional() })
  .refine(({ validation, test }) => (validation ?? test) !== undefined, "expected an evaluation");
const gradients = z.object({
  step: z.int(),
  gradients: z.array(
    z.object({
      ...{ layer: z.string(), cosine: unsure, meanCosine: unsure, norm: unsure, error: unsure },
      ...{ variance: unsure, similarity: unsure },
    }),
  ),
});
const maskNumbers = { flipRate: number, sadShare: number, keptShare: number };
const masks = z.object({
  ...{ step: z.int(), virtual: z.boolean(), ...maskNumbers },
  masks: z.array(z.object({ layer: z.string(), ...maskNumbers })),
});

const change = z.object({ before: number, after: number });
const quartiles = z.object({ median: number, q1: number, q3: number });
const result = z.object({
  speedUp: quartiles.nullable(),
  weightBytes: z.object({ dense: number, packed: number }),
  structure: z
    .object({ early: z.array(z.object({ step: number, overlap: number })) })
    .nullable()
    .default(null),
  compact: z
    .object({ ...{ numbers: change, multiplyAdds: change, forwardMs: change, stepMs: change }, difference: number })
    .optional(),
  verified: z.array(
    z.object({
      ...{ layer: z.string(), pattern: z.string(), axis: z.string(), ok: z.boolean(), groups: number },
      first: z.string().nullable(),
    }),
  ),
});
const machine = z.object({
  ...{ cpu: z.string(), cores: number, node: z.string(), backend: z.string(), instructionSet: z.string() },
  ...{ threads: number, load: z.tuple([number, number]), precision: z.enum(PRECISIONS).default("f32") },
});

/** A corner of a layer's mask at some steps; true for entries that are kept. */
export interface MaskCorner {
  readonly layer: string;
  readonly shape: readonly [rows: number, k: number];
  readonly pictures: readonly { readonly step: number; readonly rows: readonly (readonly boolean[])[] }[];
}

/** The content of a run folder. */
export interface RecordedRun {
  readonly path: string;
  readonly recipe: Recipe;
  /** The plan; empty before the run has begun. */
  readonly plan: readonly PlannedLayer[];
  readonly steps: readonly z.infer<typeof step>[];
  readonly evaluations: readonly z.infer<typeof evaluation>[];
  readonly gradients: readonly z.infer<typeof gradients>[];
  readonly masks: readonly z.infer<typeof masks>[];
  /** Null if there are no snapshots of masks. */
  readonly corner: MaskCorner | null;
  /** Null if the run has not ended. */
  readonly result: z.infer<typeof result> | null;
  /** Null if no machine was recorded. */
  readonly machine: Machine | null;
}

/** Throws unless each path is the folder of a run or a comparison. */
export function checkRuns(paths: readonly string[]): void {
  for (const path of paths) {
    if (isComparison(path) || existsSync(join(path, "recipe.json"))) continue;
    const got = existsSync(path) ? `${path}, which is none` : `${path}, which does not exist`;
    const todo = "Name a folder that train or compare wrote (by default in runs/)";
    throw expected("report", "the folder of a run or a comparison", got, todo);
  }
}

/** Reads the run folders at these paths, which are folders of runs or of comparisons. */
export function readRuns(paths: readonly string[]): RecordedRun[] {
  checkRuns(paths);
  return paths.flatMap((path) => (isComparison(path) ? openComparison(path) : [RunFolder.open(path)])).map(readRun);
}

function readRun(folder: RunFolder): RecordedRun {
  const { path, recipe } = folder;
  const file = join(path, "result.json");
  const ended = existsSync(file)
    ? checked(result, readResult("result", file), file, "a result as train wrote it")
    : null;
  return {
    ...{ path, recipe, plan: folder.plan ?? [], ...readMetrics(join(path, "metrics.jsonl")) },
    corner: readCorner(join(path, "masks.safetensors")),
    result: ended,
    machine: readMachine(path),
  };
}

/** The machine that train recorded beside the run, or compare in the folder above. */
function readMachine(path: string): Machine | null {
  const own = join(path, "machine.json");
  if (existsSync(own)) return checked(machine, readResult("machine", own), own, "a machine as train wrote it");
  const above = join(dirname(path), "result.json");
  if (!isComparison(dirname(path)) || !existsSync(above)) return null;
  const whole = z.object({ machine });
  return checked(whole, readResult("result", above), above, "a result as compare wrote it").machine;
}

function checked<T>(schema: z.ZodType<T>, value: unknown, file: string, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw expected(
    file,
    what,
    `${issue.path.join(".")}: ${wanted(issue)}`,
    "Copy it back, or go on with: trisparse resume",
  );
}

type Metrics = Pick<RecordedRun, "steps" | "evaluations" | "gradients" | "masks">;

function readMetrics(file: string): Metrics {
  const found = {
    steps: [] as Metrics["steps"][number][],
    evaluations: [] as Metrics["evaluations"][number][],
    gradients: [] as Metrics["gradients"][number][],
    masks: [] as Metrics["masks"][number][],
  };
  if (!existsSync(file)) return found;
  const lines = new TextDecoder().decode(readFile("metrics", file)).split("\n");
  // behind the last newline there is nothing, or what a process was writing when it was killed
  lines.pop();
  lines.forEach((line, i) => {
    const row = decodeRow(line);
    const here = `${file}, line ${i + 1}`;
    if (row === undefined) {
      const todo = "Copy the file back, or begin the run anew";
      throw expected(here, "a JSON object", JSON.stringify(line.slice(0, 80)), todo);
    }
    const { event, record } = row;
    if (event === "step") found.steps.push(checked(step, record, here, "a step"));
    else if (event === "epoch") found.evaluations.push(checked(evaluation, record, here, "an evaluation"));
    else if (event === "gradients") found.gradients.push(checked(gradients, record, here, "a look at gradients"));
    else if (event === "masks") found.masks.push(checked(masks, record, here, "a look at masks"));
  });
  return found;
}

const CORNER = 64;
const PICTURES = 6;

/** Reads the corner of the layer with the most weights, among those that fill a corner if there are any. */
function readCorner(file: string): MaskCorner | null {
  if (!existsSync(file)) return null;
  const { snapshots, shapes } = readMasks(file);
  const fills = ([rows, k]: readonly [number, number]): number => Number(rows >= CORNER && k >= CORNER);
  const [found] = Object.entries(shapes).sort(([, a], [, b]) => fills(b) - fills(a) || b[0] * b[1] - a[0] * a[1]);
  if (found === undefined) return null;
  const [layer, [rows, k]] = found;
  const all = [...snapshots].flatMap(([at, ofLayers]) => {
    const mask = ofLayers.get(layer);
    if (mask === undefined) return [];
    const words = rows * maskWords(k);
    if (mask.length === words) return [{ at, mask }];
    throw expected(`${file}, ${layer}`, `${words} words`, String(mask.length), "Copy the file back, or delete it");
  });
  all.sort((a, b) => a.at - b.at);
  if (all.length === 0) return null;
  const count = Math.min(PICTURES, all.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(1, count - 1))],
  );
  const pictures = chosen.map(({ at, mask }) => ({
    step: at,
    rows: Array.from({ length: Math.min(CORNER, rows) }, (_, row) =>
      Array.from({ length: Math.min(CORNER, k) }, (__, column) => isKept(mask, k, row, column)),
    ),
  }));
  return { layer, shape: [rows, k], pictures };
}
