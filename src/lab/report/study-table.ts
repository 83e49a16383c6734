/** The table of a study: variants of one recipe, each over some seeds. */
import { existsSync, readFileSync } from "node:fs";

/** The last evaluation of one run. */
export interface StudyResult {
  readonly variant: string;
  readonly seed: number;
  /** Loss on the test split. */
  readonly loss: number;
  /** Training loss over the last tenth of the steps. */
  readonly trainLoss: number;
  /** Percentage points, or bits per character. */
  readonly score: number;
  /** Median milliseconds of a step, on a machine that had other work. */
  readonly stepMs: number;
  /** Share of all entries that differ between the first mask and the last; left out for a run without masks. */
  readonly sadShare?: number;
  /** Mean share of the entries of masks that a step changed; left out where sadShare is, and in older files. */
  readonly flipRate?: number;
}

/** The runs of a file with a JSON object on each line; empty if there is no file. */
export function readStudy(path: string | URL): StudyResult[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as StudyResult);
}

/**
 * The table as Markdown, dense first. Differences are to dense at the same seed: their mean, and the standard error of
 * that mean. Without dense runs the first variant takes their place.
 */
export function studyTable(results: readonly StudyResult[], score = "score"): string {
  const variants = [...new Set(results.map(({ variant }) => variant))];
  variants.sort((a, b) => Number(b === "dense") - Number(a === "dense"));
  const base = results.filter(({ variant }) => variant === variants[0]);
  const shares = (
    [
      ["SAD %", "sadShare", 1],
      ["flip rate %", "flipRate", 3],
    ] as const
  ).filter(([, key]) => results.some((one) => one[key] !== undefined));
  const rows = variants.map((name) => {
    const own = results.filter(({ variant }) => variant === name);
    const cells = (["score", "loss", "trainLoss"] as const).map((key) => {
      const differences = own.flatMap((one) => {
        const other = base.find(({ seed }) => seed === one.seed);
        return other === undefined ? [] : [one[key] - other[key]];
      });
      const digits = key === "score" && score !== "bits a character" ? 2 : 4;
      const difference = name === variants[0] ? "" : withError(differences, digits);
      return `${mean(own.map((one) => one[key])).toFixed(digits)} | ${difference}`;
    });
    const ofMasks = shares.map(([, key, digits]) => {
      const values = own.flatMap((one) => one[key] ?? []);
      return values.length < own.length ? "" : (100 * mean(values)).toFixed(digits);
    });
    return `| ${[name, own.length, ...cells, ...ofMasks].join(" | ")} |`;
  });
  const gap = "difference ± SE";
  const head = ["variant", "seeds", score, gap, "test loss", gap, "training loss", gap];
  return [
    `| ${[...head, ...shares.map(([title]) => title)].join(" | ")} |`,
    `|${"---|".repeat(head.length + shares.length)}`,
    ...rows,
  ].join("\n");
}

/** A mean with its error: "+0.0041 ± 0.0006"; for a single value "+0.0041". */
function withError(values: readonly number[], digits: number): string {
  if (values.length === 0) return "";
  const center = mean(values);
  const text = `${center < 0 ? "" : "+"}${center.toFixed(digits)}`;
  if (values.length < 2) return text;
  const error = Math.sqrt(mean(values.map((x) => (x - center) ** 2)) / (values.length - 1));
  return `${text} ± ${error.toFixed(digits)}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
