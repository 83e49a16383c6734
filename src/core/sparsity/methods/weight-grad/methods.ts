/** The table of methods for the weight gradient's sparse operand. */
import type { MethodFactory } from "../define-method.ts";
import type { WeightGradMethod } from "../method.ts";
import { alternate } from "./alternate.ts";
import { approxMvue } from "./approx-mvue.ts";
import { greedy } from "./greedy.ts";
import { mvue } from "./mvue.ts";
import { paired } from "./paired.ts";
import { restored } from "./restored.ts";

export const weightGradMethods: readonly MethodFactory<WeightGradMethod>[] = [
  mvue,
  approxMvue,
  greedy,
  alternate,
  restored,
  paired,
];
