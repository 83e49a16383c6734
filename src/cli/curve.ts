/** `trisparse curve`: accuracy over sparsity, with error bars over seeds. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { TrisparseError } from "../core/errors.ts";
import { sources } from "../lab/data/sources.ts";
import { withValueAt } from "../lab/recipes/paths.ts";
import { parseRecipe, type Recipe } from "../lab/recipes/recipe.ts";
import { curveOf, curveText } from "../lab/report/curve-table.ts";
import { curvePicture } from "../lab/report/page/curve.ts";
import { withMethod } from "../lab/runs/compare.ts";
import { atSparsity, CURVE_METHODS, type CurvePlace, trainCurve } from "../lab/runs/curve.ts";
import { readJson } from "../lab/runs/json-file.ts";
import { machineOf } from "../lab/runs/together.ts";
import { found, obstacle, writeFileAtomically } from "../node/files.ts";
import { checkFits, defaultFolder } from "./compare.ts";
import {
  jsonOption,
  type MachineOptions,
  machineOptions,
  oneOf,
  openDevice,
  outOption,
  trainingOptions,
  wholeNumber,
  withOptions,
} from "./options.ts";
import { checkJson, type JsonOptions, writeOutput } from "./output.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";
import { dataText, loadDataOf } from "./progress.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";

const DEFAULT_METHODS = "prune,rigl,sr-ste";
// those up to 15 of 16 are sparsities of patterns too
const DEFAULT_SPARSITIES = "0.5,0.75,0.875,0.9375,0.97";
/** What is trained where no recipe is given: 48 runs take about a minute. */
const SMALL = {
  model: { name: "mlp", hidden: [128, 128] },
  epochs: 6,
  batchSize: 64,
  data: { limit: { train: 4000 } },
};

interface CurveOptions extends MachineOptions, JsonOptions, RecipeOptions {
  readonly data?: string;
  readonly methods: string;
  readonly sparsity: string;
  readonly seeds: number;
  readonly recipe?: string;
  readonly out?: string;
}

export function addCurve(program: Command): void {
  const names = Object.keys(sources);
  const command = program
    .command("curve")
    .summary("Draw accuracy over sparsity, for several methods and seeds.")
    .description(
      "Trains one model dense, and with several methods at several sparsities, over some seeds; shows accuracy, bytes, " +
        "multiply-adds and parameter efficiency of each, and draws accuracy over sparsity.",
    );
  withOptions(
    command,
    new Option("--data <name>", `Train on ${names.join(", ")} (default: the recipe's, else digits).`).argParser(
      oneOf("data", names),
    ),
    new Option("--methods <list>", `Draw some of ${CURVE_METHODS.join(", ")}, separated by commas.`).default(
      DEFAULT_METHODS,
    ),
    new Option(
      "--sparsity <list>",
      "Take these shares of zeros, above 0 and below 1; methods with a pattern take those of an N:M with M up to 16.",
    ).default(DEFAULT_SPARSITIES),
    new Option("--seeds <count>", "Train each so often, from the recipe's seed on.")
      .argParser(wholeNumber("seeds", 1, 1000))
      .default(3),
    new Option("--recipe <file>", "Take everything that no option names from this recipe (default: a small MLP)."),
    ...trainingOptions({ dataDir: "the recipe's, else they are fetched once" }),
    outOption("folder", "Make this folder, or go on in one of an earlier call (default: runs/<date and time>)."),
    ...machineOptions,
    jsonOption,
  ).action(run);
}

async function run(options: CurveOptions): Promise<void> {
  const recipe = asUsage(() => recipeOf(options));
  const sparsities = sparsitiesOf(options.sparsity);
  const methods = methodsOf(options.methods);
  const { seeds, out = defaultFolder() } = options;
  checkFolder(out);
  checkJson(options);
  const device = openDevice(options, recipe);
  const load = machineOf(device, 0).load[1];
  const data = await loadDataOf(recipe);
  const dense = { method: "dense", sparsity: 0, recipe: withMethod(recipe, { name: "dense" }) };
  asUsage(() => checkFits(dense.recipe, data));
  const sparse = methods.flatMap((method) =>
    sparsities.flatMap((sparsity): CurvePlace[] => {
      try {
        const one = atSparsity(recipe, method, sparsity);
        checkFits(one, data);
        return [{ method, sparsity, recipe: one }];
      } catch (error) {
        if (!(error instanceof TrisparseError)) throw error;
        process.stderr.write(`left out: ${error.message}\n`);
        return [];
      }
    }),
  );
  process.stderr.write(
    `${dataText(data)}; runs in ${out}; go on after an interruption with the same command and --out ${out}\n`,
  );
  const runs = trainCurve(out, [dense, ...sparse], seeds, data, device, (text, done, all) => {
    process.stderr.write(`${done + 1} of ${all}: ${text}\n`);
  });
  const curve = curveOf(runs, UNITS[data.kind]);
  const drawn = join(out, "curve.svg");
  writeFileAtomically(drawn, curvePicture(curve));
  process.stderr.write(`picture: ${drawn}\n`);
  writeOutput(options, { machine: machineOf(device, load), recipe, ...curve }, curveText(curve));
}

/** What the score of each kind of task is: see `scored`. */
const UNITS = { images: "accuracy %", boxes: "AP50 %", text: "bits/char" } as const;

function recipeOf(options: CurveOptions): Recipe {
  const { recipe: file, data } = options;
  const where = file ?? "curve";
  const isSmall = file === undefined && (data === undefined || data === "digits");
  const written = file !== undefined ? readJson("recipe", file) : isSmall ? SMALL : { ...SMALL, data: { name: data } };
  const named = data === undefined ? written : withValueAt(written, "data.name", data);
  return parseRecipe(overridden(named, options, where), where);
}

function sparsitiesOf(text: string): number[] {
  return text.split(",").map((one) => {
    const value = /^\s*[\d.]+\s*$/.test(one) ? Number(one) : Number.NaN;
    if (value > 0 && value < 1) return value;
    throw usageError(
      "--sparsity",
      "numbers above 0 and below 1",
      JSON.stringify(one),
      "For example: --sparsity 0.5,0.9",
    );
  });
}

function methodsOf(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !CURVE_METHODS.includes(name) && name !== "dense");
  if (unknown !== undefined) throw notAmong("--methods", "some of", CURVE_METHODS, unknown);
  return names.filter((name) => name !== "dense");
}

/** Accepts a folder that an earlier call made, an empty one, or none. */
function checkFolder(out: string): void {
  if (existsSync(join(out, "curve.jsonl"))) return;
  const wrong = found(out)?.isDirectory() === false ? "a file" : obstacle(join(out, "curve.jsonl"));
  if (wrong !== undefined) throw usageError("--out", `${out} to be a place for a folder`, wrong, "Choose another");
}
