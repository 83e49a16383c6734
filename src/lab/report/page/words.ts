/** The words and formats of scores and numbers. */
import type { Estimate, Report } from "./summary.ts";

/** The words for a score. */
interface ScoreWords {
  readonly head: string;
  readonly title: string;
  readonly axis: string;
  readonly digits: number;
  /** Unit of the loss. */
  readonly nats: string;
  /** Text behind a value, and behind a difference. */
  readonly behind: string;
  readonly behindGap: string;
}

export const SCORES: Readonly<Record<Report["score"], ScoreWords>> = {
  accuracy: {
    ...{ head: "test accuracy, %", title: "Test accuracy", axis: "%", digits: 2, nats: "nats an image" },
    ...{ behind: " % right", behindGap: " points" },
  },
  "bits per character": {
    ...{ head: "bits per character", title: "Bits per character", axis: "bits per character", digits: 4 },
    ...{ nats: "nats a character", behind: " bits per character", behindGap: "" },
  },
  AP50: {
    ...{ head: "test AP50, %", title: "Test AP50", axis: "%", digits: 2, nats: "loss of classes and boxes" },
    ...{ behind: " % AP50", behindGap: " points" },
  },
};

export function estimateText(value: Estimate | null, digits: number): string {
  if (value === null) return "–";
  return value.half === null
    ? value.mean.toFixed(digits)
    : `${value.mean.toFixed(digits)} ± ${value.half.toFixed(digits)}`;
}

export const signed = (value: number, digits: number): string =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

export const msText = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

export function joined(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
