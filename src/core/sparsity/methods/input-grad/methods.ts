/** The table of methods for the input gradient's sparse operand. */
import type { InputGradMethod, MethodEntry } from "../method.ts";
import { biMask } from "./bi-mask.ts";
import { doublePruned } from "./double-pruned.ts";
import { greedy } from "./greedy.ts";
import { mvue } from "./mvue.ts";

export const inputGradMethods: readonly MethodEntry<InputGradMethod>[] = [doublePruned, biMask, mvue, greedy];
