/** The table of `bench gemm`, as text. */
import type { GemmCase } from "../bench/gemm.ts";
import type { Machine } from "../train/together.ts";
import { box, machineText } from "./table.ts";

/** A line a case; a sparse product that is not faster says so. */
export function gemmText(cases: readonly GemmCase[], machine: Machine): string {
  const all = (text: (one: GemmCase) => string): string[] => cases.map(text);
  const packing = cases.some((one) => one.packing) ? "pruning and packing in every call" : "packs ready";
  return [
    box([
      ["product", all(({ gemm }) => gemm), "left"],
      ["T x I x O", all(({ t, i, o }) => `${t} x ${i} x ${o}`)],
      ["pattern", all(({ pattern }) => pattern), "left"],
      ["dense ms", all(({ denseMs }) => denseMs.toFixed(3))],
      ["sparse ms", all(({ sparseMs }) => sparseMs.toFixed(3))],
      ["dense / sparse", all(ratioText)],
    ]),
    `Medians of calls in turn, ${packing}; dense / sparse within a round (quartiles).`,
    machineText(machine),
  ].join("\n");
}

/** "1.52 (1.50..1.54)"; one below 1 says that it is slower. */
export function ratioText({ ratio, ratioQuartiles: [q1, q3] }: Pick<GemmCase, "ratio" | "ratioQuartiles">): string {
  const text = `${ratio.toFixed(2)} (${q1.toFixed(2)}..${q3.toFixed(2)})`;
  return Number(ratio.toFixed(2)) < 1 ? `slower: ${text}` : text;
}
