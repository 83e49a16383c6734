/** The table of `bench gemm`, as text. */
import type { GemmCase, Size } from "../bench/gemm.ts";
import type { Machine } from "../runs/together.ts";
import { box, machineText } from "./table.ts";

/** A size as T x I x O, with the images behind it. */
export function sizeText({ t, i, o, conv }: Size): string {
  const matrices = `${t} x ${i} x ${o}`;
  if (conv === undefined) return matrices;
  const { height, width, channels, kernel, stride } = conv;
  const images = `${height} x ${width} x ${channels}, ${kernel} x ${kernel}${stride === 1 ? "" : ` / ${stride}`}`;
  return `${matrices} (${images})`;
}

/** The table: a line for each case; a sparse product that is not faster is marked. */
export function gemmText(cases: readonly GemmCase[], machine: Machine): string {
  const all = (text: (one: GemmCase) => string): string[] => cases.map(text);
  const packing = cases.some((one) => one.packing) ? "pruning and packing in every call" : "packs ready";
  return [
    box([
      ["product", all(({ gemm, product }) => (gemm === "gemv" ? gemm : product)), "left"],
      ["T x I x O", all(sizeText)],
      ["pattern", all(({ pattern }) => pattern), "left"],
      ["dense ms", all(({ denseMs }) => denseMs.toFixed(3))],
      ["sparse ms", all(({ sparseMs }) => sparseMs.toFixed(3))],
      ["dense / sparse", all(ratioText)],
    ]),
    `Medians of calls in turn, ${packing}; dense / sparse within a round (quartiles).`,
    machineText(machine),
  ].join("\n");
}

/** A ratio with its quartiles: "1.52 (1.50..1.54)"; one below 1 is marked as slower. */
export function ratioText({ ratio, ratioQuartiles: [q1, q3] }: Pick<GemmCase, "ratio" | "ratioQuartiles">): string {
  const text = `${ratio.toFixed(2)} (${q1.toFixed(2)}..${q3.toFixed(2)})`;
  return Number(ratio.toFixed(2)) < 1 ? `slower: ${text}` : text;
}
