/** The table of methods for the input gradient's weight. */
import type { InputGradMethod } from "../method.ts";
import { doublePruned } from "./double-pruned.ts";

export const inputGradMethods: readonly InputGradMethod[] = [doublePruned];
