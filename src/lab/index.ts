/**
 * The parts of trisparse that need more than core, for Node: named data sets, recipes, runs and comparisons,
 * compression, reports.
 */
export { type Compacted, compact } from "./compression/compact.ts";
export { type Compressed, type CompressOptions, compress } from "./compression/compress.ts";
export { loadData, sources } from "./data/sources.ts";
export { type Architecture, buildModel, modelNames } from "./recipes/architecture.ts";
export { type MethodChoice, type OperandChoice, parseRecipe, type Recipe, recipeSchema } from "./recipes/recipe.ts";
export { reportPage } from "./report/page/page.ts";
export { type Report, summarize } from "./report/page/summary.ts";
export { comparisonText } from "./report/table.ts";
export { type Comparison, createComparison, openComparison, runComparison, withMethod } from "./runs/compare.ts";
export { type RecordedRun, readRuns } from "./runs/read-run.ts";
export { Run, type RunOptions, type StepRecord } from "./runs/run.ts";
export { RunFolder } from "./runs/run-folder.ts";
export { type Machine, type Observer, type RunResult, type TrainOptions, trainTogether } from "./runs/together.ts";
