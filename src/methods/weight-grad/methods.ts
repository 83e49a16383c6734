/** The table of methods for the weight gradient's sparse operand. */
import type { WeightGradMethod } from "../method.ts";
import { mvue } from "./mvue.ts";

export const weightGradMethods: readonly WeightGradMethod[] = [mvue];
