/** Rows of metrics.jsonl: a JSON object a line, whose `event` says what it tells. */

export type MetricsEvent = "step" | "epoch" | "gradients" | "masks";

export function encodeRow(event: MetricsEvent, record: object): string {
  return JSON.stringify({ event, ...record });
}

/** Undefined for what is no JSON object. Events of later versions are given as they are, for readers to leave out. */
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

/** Of a row of 0.1, which does not say it. */
function eventOf(record: object): MetricsEvent {
  if ("test" in record) return "epoch";
  if ("gradients" in record) return "gradients";
  return "masks" in record ? "masks" : "step";
}
