import type { Tensor } from "../../tensor/tensor.ts";
import { elementwise, type Operand } from "./elementwise.ts";

/**
 * Picks a where the condition is not 0 (NaN is not), else b; the three are broadcast. An entry that is not picked has
 * gradient 0, even if it is NaN or infinite. The condition has no gradient.
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return elementwise("where", "select", [condition, a, b], [null, ["select", "a", "dy", 0], ["select", "a", 0, "dy"]]);
}
