/** The table of `explain`, as text of at most 100 columns. */
import { PRODUCTS } from "../../core/backend/families/products.ts";
import type { PlannedLayer, PlannedProduct } from "../../core/sparsity/plan.ts";
import type { Machine } from "../runs/together.ts";
import { box, machineText } from "./table.ts";

const ms = (value: number | null): string => (value === null ? "-" : value.toFixed(value < 10 ? 3 : 1));

/** The table: a line for each product of each layer; layers of the same shapes with the same decisions share theirs. */
export function planText(layers: readonly PlannedLayer[], machine: Machine): string {
  const alike = new Map<string, PlannedLayer[]>();
  for (const layer of layers) {
    const key = JSON.stringify([layer.shape, layer.products]);
    alike.set(key, [...(alike.get(key) ?? []), layer]);
  }
  const lines = [...alike.values()].flatMap((group) =>
    PRODUCTS.map((product, i) => ({ layer: nameText(group, i), product, ...group[0].products[product] })),
  );
  const all = (text: (line: (typeof lines)[number]) => string): string[] => lines.map(text);
  const methods = new Set(lines.flatMap(({ product, method }) => (method === null ? [] : [`${product} ${method}`])));
  return [
    box([
      ["layer", all(({ layer }) => layer), "left"],
      ["product", all(({ product }) => product), "left"],
      ["N:M operand", all(operandText), "left"],
      ["computed", all(({ computed }) => computed), "left"],
      ["dense ms", all(({ denseMs }) => ms(denseMs))],
      ["sparse ms", all(({ sparseMs }) => ms(sparseMs))],
      ["emulated ms", all(({ emulatedMs }) => ms(emulatedMs))],
      ["why", all(({ reason }) => reason), "left"],
    ]),
    `Methods: ${methods.size === 0 ? "none" : [...methods].join(", ")}. Emulated: dense arithmetic on zeros, to the same bits.`,
    "Milliseconds: the least of some calls in turn; pruning, sampling and packing are in those with zeros.",
    ...hostText(lines),
    machineText(machine),
  ].join("\n");
}

/** The methods that wait for the host in a step, and why. */
function hostText(lines: readonly { readonly method: string | null; readonly readsHost?: string }[]): string[] {
  const waits = new Map(
    lines.flatMap(({ method, readsHost }) => (readsHost === undefined ? [] : [[method, readsHost]])),
  );
  return [...waits].map(([method, why]) => `${method} reads values on the host in its steps: ${why}.`);
}

/** The first line names a layer, the second how many are like it. */
function nameText([{ name }, ...others]: readonly PlannedLayer[], line: number): string {
  if (line === 0) return name;
  return line === 1 && others.length > 0 ? `and ${others.length} like it` : "";
}

function operandText({ operand, pattern }: PlannedProduct): string {
  return operand === null ? "-" : `${operand} ${pattern}`;
}
