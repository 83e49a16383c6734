/** Progress on stderr: a bar a run with loss, accuracy and time left; nothing where stderr is no terminal. */
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Observer } from "../train/together.ts";

export interface Progress extends Observer {
  stop(): void;
}

/** names: a label for each run; steps: of a whole run, and done: where each starts. */
export function showProgress(names: readonly string[], stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { stop: () => {} };
  const width = Math.max(...names.map((name) => name.length));
  const bars = new MultiBar(
    {
      format: "{name} {bar} {percentage}% loss {loss} accuracy {accuracy} {ms} ms/step, {left} left",
      hideCursor: true,
      barsize: 24,
      stream,
    },
    Presets.shades_classic,
  );
  const shown = names.map(() => ({ loss: "-", accuracy: "-", ms: "-", left: "-" }));
  const list: (SingleBar | undefined)[] = names.map(() => undefined);
  const begin = performance.now();
  const first: number[] = [];
  return {
    onStep: (run, { step, loss, ms }, steps) => {
      list[run] ??= bars.create(steps, step, { name: names[run].padEnd(width), ...shown[run] });
      first[run] ??= step;
      const average = (performance.now() - begin) / (step + 1 - first[run]);
      const left = `${Math.ceil((average * (steps - step - 1)) / 1000)} s`;
      shown[run] = { ...shown[run], loss: loss.toFixed(3), ms: ms.toFixed(1), left };
      list[run].update(step + 1, { name: names[run].padEnd(width), ...shown[run] });
    },
    onEpoch: (run, { test }) => {
      shown[run] = { ...shown[run], accuracy: `${(100 * test.accuracy).toFixed(2)} %` };
    },
    stop: () => bars.stop(),
  };
}
