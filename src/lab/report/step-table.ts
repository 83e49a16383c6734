/** The table of `bench step`, as text. */
import type { RepeatedStep } from "../bench/repeats.ts";
import type { Machine } from "../runs/together.ts";
import { intervalText } from "../statistics/interval.ts";
import { box, machineText } from "./table.ts";

/** The table: a line for each case, with a verdict where there are several processes. */
export function stepText(cases: readonly RepeatedStep[], machine: Machine): string {
  const all = (text: (one: RepeatedStep) => string): string[] => cases.map(text);
  const processes = cases[0].ratios.length;
  return [
    box([
      ["model", all(({ model }) => model), "left"],
      ["batch", all(({ batch }) => String(batch))],
      ["plan", all(({ plan }) => plan), "left"],
      ["pattern", all(({ pattern }) => pattern), "left"],
      ["dense ms", all(({ denseMs }) => denseMs.toFixed(2))],
      ["sparse ms", all(({ sparseMs }) => sparseMs.toFixed(2))],
      ["dense / sparse", all(({ speedUp }) => intervalText(speedUp, 2, false))],
      ["so it is", all(({ verdict }) => verdict), "left"],
    ]),
    "Steps in turn: forward, loss, backward, AdamW; pruning, sampling and packing are in the sparse ones.",
    `Dense / sparse: the median over rounds, its mean over ${processes} process${processes === 1 ? ", without an interval" : "es ± half its 95 % interval"}.`,
    machineText(machine),
  ].join("\n");
}
