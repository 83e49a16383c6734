/** Rows of metrics.jsonl: each line is a JSON object whose `event` says what it records. */

export type MetricsEvent = "step" | "epoch" | "gradients" | "masks";

export function encodeRow(event: MetricsEvent, record: object): string {
  return JSON.stringify({ event, ...record });
}

/**
 * Decodes a row; undefined if it is no JSON object. Events of later versions are returned too, for readers to ignore.
 */
export function decodeRow(line: string): { readonly event: string; readonly record: object } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { event = eventOf(value), ...record } = value as { event?: unknown };
  return { event: String(event), record };
}

/** The event of a row of version 0.1, which does not name it. */
function eventOf(record: object): MetricsEvent {
  if ("test" in record) return "epoch";
  if ("gradients" in record) return "gradients";
  return "masks" in record ? "masks" : "step";
}
