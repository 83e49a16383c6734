/** The table of `bench step`, as text. */
import type { StepCase } from "../bench/step.ts";
import type { Machine } from "../runs/together.ts";
import { ratioText } from "./gemm-table.ts";
import { box, machineText } from "./table.ts";

/** The table: a line for each case; a sparse step that is not faster is marked. */
export function stepText(cases: readonly StepCase[], machine: Machine): string {
  const all = (text: (one: StepCase) => string): string[] => cases.map(text);
  return [
    box([
      ["model", all(({ model }) => model), "left"],
      ["batch", all(({ batch }) => String(batch))],
      ["plan", all(({ plan }) => plan), "left"],
      ["pattern", all(({ pattern }) => pattern), "left"],
      ["dense ms", all(({ denseMs }) => denseMs.toFixed(2))],
      ["sparse ms", all(({ sparseMs }) => sparseMs.toFixed(2))],
      ["dense / sparse", all(ratioText)],
    ]),
    "Steps in turn: forward, loss, backward, AdamW; pruning, sampling and packing are in the sparse ones.",
    "Medians of steps that follow one of their own; dense / sparse within a round (quartiles).",
    machineText(machine),
  ].join("\n");
}
