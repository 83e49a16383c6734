/** The table of methods for weights; recipes, the command line and the conformance suite go through it. */
import type { WeightMethodFactory } from "../define-method.ts";
import { asp } from "./asp.ts";
import { ast } from "./ast.ts";
import { dense } from "./dense.ts";
import { domino } from "./domino.ts";
import { lbc } from "./lbc.ts";
import { maskDecay } from "./mask-decay.ts";
import { maxq } from "./maxq.ts";
import { sSte } from "./s-ste.ts";
import { spre } from "./spre.ts";
import { srSte } from "./sr-ste.ts";
import { ste } from "./ste.ts";
import { step } from "./step.ts";
import { structureDecay } from "./structure-decay.ts";
import { transposable } from "./transposable.ts";

export const weightMethods: readonly WeightMethodFactory[] = [
  dense,
  asp,
  srSte,
  ast,
  sSte,
  ste,
  step,
  maskDecay,
  structureDecay,
  transposable,
  lbc,
  maxq,
  spre,
  domino,
];
