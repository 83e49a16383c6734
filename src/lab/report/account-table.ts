/** The costs of a model as text, of at most 100 columns if names of layers are short. */
import { PRODUCTS } from "../../core/backend/families/products.ts";
import { type LayerAccount, type ModelAccount, totalMacs } from "../../core/sparsity/accounting.ts";
import { box, bytesText } from "./table.ts";

export interface Accounted extends ModelAccount {
  readonly batchSize: number;
  /** Test accuracy in percent. */
  readonly accuracy: number | null;
  readonly parameterEfficiency: number | null;
}

type Which = "dense" | "effective";

/** A number with 3 significant digits, or all before the point. */
const short = (value: number): string => (value < 1000 ? value.toPrecision(3) : value.toFixed(0));
const millions = (count: number): string => short(count / 1e6);
const percent = (share: number): string => (100 * share).toFixed(1);
const sum = (layers: readonly LayerAccount[], of: (layer: LayerAccount) => number): number =>
  layers.reduce((total, layer) => total + of(layer), 0);

export function accountText(accounted: Accounted): string {
  const { layers, batchSize, nonZeros, parameters, accuracy, parameterEfficiency } = accounted;
  /** A cell for each layer, and one for their sum. */
  const column = (of: (layer: LayerAccount) => number, text: (value: number) => string): string[] => [
    ...layers.map((layer) => text(of(layer))),
    text(sum(layers, of)),
  ];
  const size = ({ shape }: LayerAccount): number => shape.reduce((a, b) => a * b, 1);
  const moved = (which: Which): string[] => column((layer) => layer[which].forward.bytes, bytesText);
  const macs = (which: Which): string[] => column((layer) => layer[which].forward.macs, millions);
  const names = [...layers.map(({ name }) => name.replace(/\.weight$/, "")), "all"];
  const zeros = sum(layers, size) - sum(layers, (layer) => layer.nonZeros);
  const inputs = batchSize === 1 ? "1 input" : `${batchSize} inputs`;
  const step = (which: Which): string => {
    const bytes = sum(layers, (layer) => PRODUCTS.reduce((all, product) => all + layer[which][product].bytes, 0));
    return `${millions(totalMacs(accounted, which))} M multiply-adds and ${bytesText(bytes)} moved`;
  };
  return [
    `Forward, ${inputs}; "sparse": if nothing multiplied by a zero, in the smallest format. Two FLOPs a multiply-add.`,
    box([
      ["layer", names, "left"],
      ["shape", [...layers.map(({ shape }) => shape.join(" x ")), ""]],
      ["zeros %", [...layers.map(({ sparsity }) => percent(sparsity)), percent(zeros / sum(layers, size))]],
      ["N:M", [...layers.map(({ pattern }) => pattern ?? "-"), ""], "left"],
      ["M mult-adds", macs("dense")],
      ["sparse", macs("effective")],
      ["moved", moved("dense")],
      ["sparse", moved("effective")],
    ]),
    `A training step, all three products: ${step("dense")}; sparse ${step("effective")}.`,
    "",
    "KiB of each weight by storage format, the smallest with a star:",
    box([["layer", names, "left"], ...formatColumns(layers)]),
    `${nonZeros} of ${parameters} parameters are not zero, biases too.`,
    ...(accuracy === null || parameterEfficiency === null
      ? []
      : [
          `Parameter efficiency: ${accuracy.toFixed(2)} % / ${millions(nonZeros)} M = ${short(parameterEfficiency)} (docs/accounting.md).`,
        ]),
  ].join("\n");
}

/** A column for each format; N:M patterns share one; the last names the smallest format of each layer. */
function formatColumns(layers: readonly LayerAccount[]): [string, string[]][] {
  const common = Object.keys(layers[0].bytes).filter((name) => name !== layers[0].pattern);
  const kib = (bytes: number): string => short(bytes / 1024);
  const cell = ({ bytes, smallest }: LayerAccount, name: string | null): string => {
    if (name === null) return "-";
    return `${kib(bytes[name])}${bytes[name] === bytes[smallest] ? "*" : " "}`;
  };
  const columns = common.map((name): [string, string[]] => [
    SHORT[name] ?? name,
    [...layers.map((layer) => cell(layer, name)), `${kib(sum(layers, ({ bytes }) => bytes[name]))} `],
  ]);
  const structured: [string, string[]] = [
    "N:M",
    // without a sum: a layer without a pattern has no such bytes
    [...layers.map((layer) => cell(layer, layer.pattern)), ""],
  ];
  const least: [string, string[]] = [
    "smallest",
    [
      ...layers.map(({ bytes, smallest }) => kib(bytes[smallest])),
      kib(sum(layers, ({ bytes, smallest }) => bytes[smallest])),
    ],
  ];
  return [...columns, ...(layers.some(({ pattern }) => pattern !== null) ? [structured] : []), least];
}

const SHORT: Readonly<Record<string, string>> = {
  ...{ coordinates: "coords", "padded-delta": "padded", "block-csr-4x4": "block csr" },
};
