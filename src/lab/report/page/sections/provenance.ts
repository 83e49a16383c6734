/** The section with the machine, its load, and the folders of the runs. */
import type { Machine } from "../../../runs/together.ts";
import type { Styled } from "../figures.ts";
import { html, Markup } from "../markup.ts";
import type { Report } from "../summary.ts";

export function provenance({ machines, withoutMachine }: Report, kinds: readonly Styled[]): Markup {
  const alike = new Map<string, Machine[]>();
  for (const machine of machines) {
    const { load: _, ...rest } = machine;
    const key = JSON.stringify(rest);
    alike.set(key, [...(alike.get(key) ?? []), machine]);
  }
  return html`<section><h2>Machine and runs</h2>
<dl>${[...alike.values()].map((group) => {
    const [{ cpu, cores, node, backend, instructionSet, threads, precision = "f32" }] = group;
    return html`<dt>machine</dt><dd>${cpu}, ${String(cores)} cores, Node ${node}</dd><dt>kernels</dt><dd>${backend} ${instructionSet} in ${precision}, ${String(threads)} thread${threads === 1 ? "" : "s"}</dd><dt>load</dt><dd>${loadText(group)}</dd>
`;
  })}${withoutMachine === 0 ? null : html`<dt>${machines.length === 0 ? "machine" : ""}</dt><dd>not noted for ${String(withoutMachine)} run${withoutMachine === 1 ? "" : "s"}</dd>`}
${kinds.map(({ name, folders }) => html`<dt>${name}</dt><dd>${folders.map((folder, i) => html`${i === 0 ? null : new Markup("<br>")}<code>${folder}</code>`)}</dd>`)}</dl></section>`;
}

/** One-minute load averages before and after each run or comparison. */
function loadText(machines: readonly Machine[]): string {
  const busy = machines.some(({ load, cores }) => Math.max(...load) > cores);
  const loads = machines.map(({ load }) => load.map((one) => one.toFixed(2)).join(" to ")).join(", ");
  const warning =
    ": more work than cores, so times are longer than on an idle machine; ratios of steps taken in turn are less touched";
  return `${loads}, one-minute average${busy ? warning : ""}`;
}
