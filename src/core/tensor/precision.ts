import { expected } from "../errors.ts";

/** The precisions that products can compute in. All else is float32 in any case. */
export const PRECISIONS = ["f32"] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The precision of this name. Throws if no device can have it. */
export function precisionOf(where: string, name: string): Precision {
  const found = PRECISIONS.find((one) => one === name);
  if (found !== undefined) return found;
  const todo = name === "bf16" ? "bf16 comes later; until then leave precision out" : "Leave precision out";
  throw expected(where, 'the precision "f32"', JSON.stringify(name), todo);
}
