/** Shows progress on stderr, if that is a terminal. */
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Dataset } from "../core/data/dataset.ts";
import { scored } from "../core/task/objective.ts";
import { loadData } from "../lab/data/sources.ts";
import type { Recipe } from "../lab/recipes/recipe.ts";
import { durationText } from "../lab/report/table.ts";
import { watchedOf } from "../lab/runs/run-folder.ts";
import type { Observer } from "../lab/runs/together.ts";

/**
 * Trains with a bar for each run. A signal ends the process as it would without bars, but the terminal is restored and
 * a line says how to go on.
 */
export async function withProgress<T>(
  names: readonly string[],
  folder: string,
  train: (observer: Observer) => Promise<T>,
): Promise<T> {
  const progress = showProgress(names);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stopped = (signal: NodeJS.Signals): void => {
    progress.stop();
    for (const one of signals) process.removeListener(one, stopped);
    process.stderr.write(`Stopped. Go on with: trisparse resume ${folder}\n`);
    process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, stopped);
  try {
    return await train(progress);
  } finally {
    progress.stop();
    for (const signal of signals) process.removeListener(signal, stopped);
  }
}

interface Progress extends Observer {
  /** Leaves the bars as they stand. A second call does nothing. */
  stop(): void;
}

function showProgress(names: readonly string[]): Progress {
  const stream = process.stderr;
  if (!stream.isTTY) return { stop: () => {} };
  const width = Math.max(...names.map((name) => name.length));
  const bars = new MultiBar(
    {
      format: "{name} {bar} {share}  loss {loss}  {score}  {ms} ms/step  {left}",
      hideCursor: true,
      // the words take about 70 columns beside the name, and a longer line would be cut
      barsize: Math.max(4, Math.min(24, (stream.columns ?? 80) - width - 70)),
      stream,
    },
    Presets.shades_classic,
  );
  const shown = names.map((name) => ({
    name: name.padEnd(width),
    share: "  0 %",
    loss: "     -",
    score: "",
    ms: "    -",
    left: "",
  }));
  const list: (SingleBar | undefined)[] = names.map(() => undefined);
  const first: { readonly step: number; readonly at: number }[] = [];
  let stopped = false;
  return {
    onStep: (run, { step, loss, ms }, steps) => {
      const now = performance.now();
      first[run] ??= { step, at: now - ms };
      const done = step + 1;
      // runs take turns: the time between two steps of one run covers a step of each
      const average = (now - first[run].at) / (done - first[run].step);
      Object.assign(shown[run], {
        share: `${String(Math.floor((100 * done) / steps)).padStart(3)} %`,
        loss: loss.toPrecision(4).padStart(6),
        ms: (ms < 100 ? ms.toFixed(1) : ms.toFixed(0)).padStart(5),
        left: done === steps ? "done" : `${durationText((average * (steps - done)) / 1000)} left`,
      });
      list[run] ??= bars.create(steps, step, { ...shown[run] });
      list[run].update(done, { ...shown[run] });
    },
    onEpoch: (run, { step, ...splits }) => {
      const { value, name, decimals } = scored(watchedOf(splits));
      shown[run].score = `${value.toFixed(decimals)} ${name}`;
      list[run]?.update(step, { ...shown[run] });
    },
    stop: () => {
      if (!stopped && list.some((bar) => bar !== undefined)) bars.stop();
      stopped = true;
    },
  };
}

/** The name and the size of a data set, for a line on stderr. */
export function dataText(data: Dataset): string {
  const { name, classes } = data;
  if (data.kind !== "text") {
    const what = data.kind === "images" ? "images" : "scenes";
    const held = data.validation === undefined ? "" : `${data.validation.count} validation, `;
    return `${name}: ${data.train.count} training, ${held}${data.test.count} test ${what}`;
  }
  const held = data.validation === undefined ? "" : `${data.validation.length} validation, `;
  return `${name}: ${data.train.length} training, ${held}${data.test.length} test characters, ${classes} different`;
}

/** Loads the data of a recipe, with a line for each file that is fetched. */
export async function loadDataOf({ data, seed }: Pick<Recipe, "data" | "seed">): Promise<Dataset> {
  const { isTTY } = process.stderr;
  let current = "";
  let line = "";
  try {
    return await loadData(data.name, {
      dir: data.dir,
      file: data.file,
      seed,
      shuffled: data.shuffled,
      limit: data.limit,
      validation: data.validation,
      onProgress: ({ file, received, total }) => {
        if (file !== current) process.stderr.write(`${isTTY && current !== "" ? "\n" : ""}fetching ${file}`);
        if (file !== current && !isTTY) process.stderr.write("\n");
        current = file;
        const mib = `${(received / 2 ** 20).toFixed(1)} MiB`;
        const text =
          total === undefined
            ? mib
            : `${Math.floor((100 * received) / total)} % of ${(total / 2 ** 20).toFixed(1)} MiB`;
        if (isTTY && text !== line) process.stderr.write(`\rfetching ${file}: ${text}\x1b[K`);
        line = text;
      },
    });
  } finally {
    if (isTTY && current !== "") process.stderr.write("\n");
  }
}
