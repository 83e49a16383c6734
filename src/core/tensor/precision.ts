import { expected } from "../errors.ts";

/** What products compute in. All else is float32 in any case. */
export const PRECISIONS = ["f32"] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The precision of this name. Throws where it is none that a device can have. */
export function precisionOf(where: string, name: string): Precision {
  const found = PRECISIONS.find((one) => one === name);
  if (found !== undefined) return found;
  const todo = name === "bf16" ? "bf16 comes later; until then leave precision out" : "Leave precision out";
  throw expected(where, 'the precision "f32"', JSON.stringify(name), todo);
}
