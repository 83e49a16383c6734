/** The results of compression, layer by layer, as text. */
import Table from "cli-table3";
import { scored } from "../../core/task/objective.ts";
import type { Compressed } from "../compression/compress.ts";

const times = (before: number, after: number): string => (after === 0 ? "-" : `${(before / after).toFixed(2)}x`);
const NOTHING =
  "Nothing went: no whole structure became zero. Try a lambda several times as large, more epochs under it (--learn), or a share in its place (--smallest).";
const FOLD = "Folded penalties (--folded) take such constants of filters along.";
const millions = (count: number): string => (count / 1e6).toPrecision(3);

export function compressText(compressed: Omit<Compressed, "model" | "recipe">): string {
  const { layers, forwardMs, stepMs, numbers, before, learned, after, removals, blocks } = compressed;
  const table = new Table({
    head: ["layer", "outputs x columns", "now", "M multiply-adds", "now", "share", "forward ms", "now", "speed-up"],
    style: { head: [], border: [] },
  });
  for (const { name, shape, multiplyAdds, ms } of layers) {
    table.push([
      name,
      shape.before.join(" x "),
      shape.after?.join(" x ") ?? "gone",
      ...[millions(multiplyAdds.before), millions(multiplyAdds.after)],
      `${((100 * multiplyAdds.after) / multiplyAdds.before).toFixed(1)} %`,
      ...[ms.before.toFixed(3), ms.after.toFixed(3), times(ms.before, ms.after)],
    ]);
  }
  const sum = (when: "before" | "after"): number =>
    layers.reduce((total, { multiplyAdds }) => total + multiplyAdds[when], 0);
  table.push([
    ...["network", String(numbers.before), String(numbers.after), millions(sum("before")), millions(sum("after"))],
    `${((100 * sum("after")) / sum("before")).toFixed(1)} %`,
    ...[forwardMs.before.toFixed(3), forwardMs.after.toFixed(3), times(forwardMs.before, forwardMs.after)],
  ]);
  const score = (evaluation: Compressed["before"]): string => {
    const { value, decimals } = scored(evaluation);
    return value.toFixed(decimals);
  };
  const reasons = removals.flatMap(({ group, reasons }) => reasons.map((reason) => `${group}: ${reason}`));
  return [
    table.toString(),
    `On the test split, ${scored(before).name}: ${score(before)} before, ${score(learned)} under the penalties, ${score(after)} after tuning.`,
    `A training step: ${stepMs.before.toFixed(2)} ms under the penalties, ${stepMs.after.toFixed(2)} ms of the smaller model.`,
    ...(numbers.after < numbers.before ? [] : [NOTHING]),
    ...(blocks.length === 0 ? [] : [`Blocks that became their shortcut: ${blocks.join(", ")}.`]),
    ...(reasons.length === 0 ? [] : [`Constant, but not removed:\n  ${reasons.join("\n  ")}`]),
    ...(reasons.some((reason) => reason.includes("pads it")) ? [FOLD] : []),
  ].join("\n");
}
