/** The table of methods for the input gradient's sparse operand. */
import type { InputGradMethod, MethodEntry } from "../method.ts";
import { doublePruned } from "./double-pruned.ts";
import { greedy } from "./greedy.ts";

export const inputGradMethods: readonly MethodEntry<InputGradMethod>[] = [doublePruned, greedy];
