/**
 * Trains runs side by side: a round is one step of each, so that whatever slows the machine slows all of them, and the
 * ratio of two step times of one round means something. A single run is trained in the same way.
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import type { Product } from "../../core/backend/families/products.ts";
import type { Dataset } from "../../core/data/dataset.ts";
import { flipRatiosOf } from "../../core/metrics/mask-record.ts";
import { type GradientReport, meanReport } from "../../core/sparsity/gradient-probe.ts";
import type { StructureReport } from "../../core/sparsity/mask-monitor.ts";
import type { Computed, Coverage, PlannedLayer } from "../../core/sparsity/plan.ts";
import type { VerifiedLayer } from "../../core/sparsity/sparsifier.ts";
import type { Evaluation } from "../../core/task/objective.ts";
import type { Clocks, Device } from "../../core/tensor/device.ts";
import type { Precision } from "../../core/tensor/precision.ts";
import { type CompactReport, compacted } from "../compression/compacted.ts";
import { nameOf } from "../recipes/recipe-name.ts";
import { type Quartiles, quartiles } from "../statistics/quartiles.ts";
import { type EqualLoss, type LossAt, timeToEqualLoss } from "../statistics/time-to-loss.ts";
import { Run, type RunOptions, type StepRecord } from "./run.ts";
import { type EpochRecord, type RunFolder, watchedOf, writeModel } from "./run-folder.ts";

/** The result of one run: its last evaluation, and facts about the run. */
export type RunResult = Evaluation & RunFacts;

/** Facts about a run. Times are in milliseconds unless they say seconds. */
interface RunFacts {
  readonly seed: number;
  /** Number of training steps. */
  readonly steps: number;
  /**
   * The evaluation on the validation split of the weights that the run ends with, if there is such a split; loss and
   * score beside it are of the test split.
   */
  readonly validation?: Evaluation;
  /** Of a run that keeps its best weights: the number of steps after which they were reached. */
  readonly keptStep?: number;
  /** Name of the strategy; null if the recipe names none. */
  readonly strategy: string | null;
  readonly method: string;
  readonly pattern: string | null;
  readonly layers: readonly PlannedLayer[];
  /** What part of the model its method prunes. Runs of version 0.1 do not say it. */
  readonly coverage?: Coverage;
  /** By product: sparse where any layer's is, else emulated where any is. */
  readonly plan: PlannedLayer["computed"];
  /** Losses of the first training step and of the last ones, where these are twice as large: the run diverged. */
  readonly rose?: { readonly from: number; readonly to: number };
  /** Sum of all step times. */
  readonly seconds: number;
  /** Times of the steps in which the method was sparse; of all steps for dense. */
  readonly stepMs: Quartiles;
  readonly gemmMs: Clocks;
  /** Step time of dense / step time of this run, round by round; null without a dense run beside it. */
  readonly speedUp: Quartiles | null;
  /** Time to equal loss; null without a dense run beside it. */
  readonly equalLoss: EqualLoss | null;
  readonly sad: number;
  readonly sadShare: number;
  readonly flipRate: number;
  readonly sparsity: number;
  readonly masks: readonly { readonly layer: string; readonly sad: number; readonly flipRate: number }[];
  /** Summary of the watched masks; null if there were none. */
  readonly structure: StructureReport | null;
  readonly verified: readonly VerifiedLayer[];
  /** Mean of the comparisons of its gradients; empty without a monitor. */
  readonly gradients: readonly GradientReport[];
  /** For runs with penalties: the comparison with the compact model. */
  readonly compact?: CompactReport;
  readonly weightBytes: { readonly dense: number; readonly packed: number };
}

/** The machine on which numbers were measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly backend: string;
  readonly instructionSet: string;
  readonly threads: number;
  /** Precision of the products. Files of version 0.1 do not name it: it was f32. */
  readonly precision?: Precision;
  /** One-minute load average before and after. */
  readonly load: readonly [number, number];
}

export function machineOf({ kernels, precision }: Device, loadBefore: number): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    node: process.version,
    backend: kernels.backend,
    instructionSet: kernels.instructionSet,
    threads: kernels.threads,
    precision,
    load: [loadBefore, loadavg()[0]].map((load) => Math.round(load * 100) / 100) as [number, number],
  };
}

/** Gets news of the progress of runs, by their number. */
export interface Observer {
  onStep?(run: number, record: StepRecord, steps: number): void;
  onEpoch?(run: number, record: EpochRecord): void;
}

/** How runs are trained that have not begun yet, and who is told. */
export interface TrainOptions extends Observer, Pick<RunOptions, "compute" | "dispatcher" | "start"> {
  /** Records are written to the disk so often, for who reads along; default: with each checkpoint. */
  readonly flushMs?: number;
}

/** Seconds of training between two checkpoints within an epoch. */
const CHECKPOINT_SECONDS = 30;

/** Trains the runs of these folders to their ends, each from its last checkpoint. */
export async function trainTogether(
  folders: readonly RunFolder[],
  data: Dataset,
  device: Device,
  options: TrainOptions = {},
): Promise<RunResult[]> {
  const runs = folders.map((folder) => {
    const run = new Run(folder.recipe, data, device, { ...options, plan: folder.plan });
    folder.resume(run);
    return run;
  });
  runs.forEach((run, i) => {
    if (run.step > 0) return;
    folders[i].plan = run.plan;
    folders[i].checkpoint(run);
  });
  let saved = performance.now();
  let flushed = Number.NEGATIVE_INFINITY;
  while (runs.some((run) => !run.done)) {
    // Runs that are behind in their share of the way go first: runs of equal steps take turns, one of a third more
    // steps has two turns in every third round, and after a kill between two checkpoints all catch up.
    const left = runs.filter((run) => !run.done);
    const first = left.reduce((a, b) => (b.step * a.steps < a.step * b.steps ? b : a));
    const due = left.filter((run) => run.step * first.steps === first.step * run.steps);
    runs.forEach((run, i) => {
      if (!due.includes(run)) return;
      const { step } = run;
      const { every, repeats } = run.recipe.monitor;
      const gradients = every > 0 && step % every === 0 ? run.probeGradients(repeats) : [];
      if (gradients.length > 0) folders[i].recordGradients({ step, gradients });
      const record = run.advance();
      folders[i].recordStep(record);
      const masks = run.masks.after(record.step);
      if (masks !== null) folders[i].recordMasks(masks);
      options.onStep?.(i, record, run.steps);
    });
    const late = performance.now() - saved > CHECKPOINT_SECONDS * 1000;
    runs.forEach((run, i) => {
      if (!due.includes(run)) {
        if (late && !run.done) folders[i].checkpoint(run);
        return;
      }
      const { stepsPerEpoch } = run.batches;
      // the last epoch may be incomplete
      if (run.step % stepsPerEpoch === 0 || run.done) {
        const epoch = { epoch: run.step / stepsPerEpoch, step: run.step, ...evaluationsOf(run, folders[i]) };
        folders[i].recordEpoch(epoch);
        options.onEpoch?.(i, epoch);
      } else if (!late) return;
      folders[i].checkpoint(run);
    });
    if (late) saved = performance.now();
    if (performance.now() - flushed > (options.flushMs ?? Number.POSITIVE_INFINITY)) {
      for (const folder of folders) folder.flush();
      flushed = performance.now();
    }
    // gives signals and progress bars a turn in every round, because a round may take seconds
    await new Promise((resolve) => setImmediate(resolve));
  }
  const dense = runs.findIndex((run) => run.isDense);
  const watched = folders.find(({ masks }) => masks.some(({ virtual }) => virtual));
  const results = runs.map((run, i) => summarize(run, folders[i], dense < 0 ? undefined : folders[dense], watched));
  return results.map((result, i) => {
    const small = compacted(runs[i], data);
    if (small !== null) writeModel(join(folders[i].path, "compact"), small.recipe, small.model);
    const whole = small === null ? result : { ...result, compact: small.report };
    folders[i].finish(runs[i], whole);
    return whole;
  });
}

/** What is evaluated after an epoch: the test split is looked at once where there is one for validation. */
function evaluationsOf(run: Run, folder: RunFolder): Pick<EpochRecord, "validation" | "test"> {
  if (!run.batches.validates) return { test: run.evaluate() };
  const validation = run.evaluate("validation");
  if (run.recipe.keep === "best") {
    const before = Math.min(...folder.epochs.map((epoch) => epoch.validation?.loss ?? Infinity));
    if (validation.loss < before) folder.keepBest(run);
    if (run.done) folder.endWithBest(run);
  }
  return { validation, ...(run.done ? { test: run.evaluate() } : {}) };
}

/** The epoch whose weights a run ends with. */
function keptEpoch({ keep }: Run["recipe"], epochs: readonly EpochRecord[]): EpochRecord {
  const last = epochs[epochs.length - 1];
  if (keep !== "best") return last;
  const loss = (epoch: EpochRecord): number => epoch.validation?.loss ?? Infinity;
  return epochs.reduce((best, epoch) => (loss(epoch) < loss(best) ? epoch : best));
}

function summaryOf(layers: readonly PlannedLayer[]): PlannedLayer["computed"] {
  const found = (product: Product): Computed =>
    (["sparse", "emulated"] as const).find((one) => layers.some(({ computed }) => computed[product] === one)) ??
    "dense";
  return { forward: found("forward"), inputGrad: found("inputGrad"), weightGrad: found("weightGrad") };
}

/** The losses of a run's evaluations over the seconds of its steps. */
function curveOf({ steps, epochs }: RunFolder): LossAt[] {
  let [seconds, next] = [0, 0];
  return epochs.map(({ step, ...splits }) => {
    for (; next < step; next++) seconds += steps[next].ms / 1000;
    return { seconds, loss: watchedOf(splits).loss };
  });
}

/** Null where a run was evaluated once: nothing but its own time is known then. */
function raceOf(dense: RunFolder, own: RunFolder): EqualLoss | null {
  if (Math.min(dense.epochs.length, own.epochs.length) < 2) return null;
  return timeToEqualLoss(curveOf(dense), curveOf(own));
}

/** The first training loss, and the median of the last tenth where it is more than twice the first. */
export function riseOf(losses: readonly number[]): { from: number; to: number } | undefined {
  const [from] = losses;
  const to = quartiles(losses.slice(-Math.ceil(losses.length / 10))).median;
  return to > 2 * from ? { from, to } : undefined;
}

/** The dense step that was taken in the same round as step `step` of `all`, or in the last one before it. */
function besideIt(dense: readonly StepRecord[], step: number, all: number): StepRecord {
  return dense[Math.floor((step * dense.length) / all)];
}

function summarize(
  run: Run,
  folder: RunFolder,
  dense: RunFolder | undefined,
  watched: RunFolder | undefined,
): RunResult {
  const { recipe, session } = run;
  const sparseSteps = folder.steps.filter(({ pruned }) => pruned);
  // none if no weight was sparse: in a dense run, or under a plan that left all weights dense
  const counted = sparseSteps.length === 0 ? folder.steps : sparseSteps;
  const median = (of: (record: StepRecord) => number): number => quartiles(counted.map(of)).median;
  const { test } = folder.epochs[folder.epochs.length - 1];
  const chosen = keptEpoch(recipe, folder.epochs);
  const report = session.report();
  const rose = riseOf(folder.steps.map(({ loss }) => loss));
  return {
    strategy: recipe.strategy?.name ?? null,
    method: recipe.strategy === undefined ? nameOf(recipe) : recipe.method.name,
    pattern: (recipe.strategy ?? recipe.method).pattern ?? null,
    layers: run.plan,
    plan: summaryOf(run.plan),
    ...(rose === undefined ? {} : { rose }),
    ...test!,
    ...{ seed: recipe.seed, steps: folder.steps.length },
    ...(chosen.validation === undefined ? {} : { validation: chosen.validation }),
    ...(recipe.keep === "best" ? { keptStep: chosen.step } : {}),
    seconds: folder.steps.reduce((sum, { ms }) => sum + ms, 0) / 1000,
    stepMs: quartiles(counted.map(({ ms }) => ms)),
    gemmMs: {
      forward: median(({ gemmMs }) => gemmMs.forward),
      inputGrad: median(({ gemmMs }) => gemmMs.inputGrad),
      weightGrad: median(({ gemmMs }) => gemmMs.weightGrad),
      pack: median(({ gemmMs }) => gemmMs.pack),
    },
    speedUp:
      dense === undefined
        ? null
        : quartiles(counted.map(({ step, ms }) => besideIt(dense.steps, step, folder.steps.length).ms / ms)),
    equalLoss: dense === undefined ? null : raceOf(dense, folder),
    ...{ sad: report.sad, sadShare: report.sadShare, flipRate: report.flipRate },
    ...{ sparsity: report.sparsity, masks: report.layers },
    structure: run.masks.report(
      folder.masks,
      flipRatiosOf(folder.masks, watched === folder ? [] : (watched?.masks ?? [])),
    ),
    verified: session.verify().checked,
    coverage: session.coverage(),
    gradients: meanReport(folder.gradients.map(({ gradients }) => gradients)),
    weightBytes: session.weightBytes(),
  };
}
