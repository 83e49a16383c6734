/** The table of methods for the input gradient's sparse operand. */
import type { MethodFactory } from "../define-method.ts";
import type { InputGradMethod } from "../method.ts";
import { biMask } from "./bi-mask.ts";
import { doublePruned } from "./double-pruned.ts";
import { fstTransposed } from "./fst-transposed.ts";
import { greedy } from "./greedy.ts";
import { mvue } from "./mvue.ts";

export const inputGradMethods: readonly MethodFactory<InputGradMethod>[] = [
  doublePruned,
  biMask,
  fstTransposed,
  mvue,
  greedy,
];
