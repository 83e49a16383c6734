/** The table of methods for weights: recipes, the command line and the conformance suite go through it. */
import type { WeightMethodEntry } from "../method.ts";
import { asp } from "./asp.ts";
import { dense } from "./dense.ts";
import { sSte } from "./s-ste.ts";
import { spre } from "./spre.ts";
import { srSte } from "./sr-ste.ts";
import { ste } from "./ste.ts";
import { transposable } from "./transposable.ts";

export const weightMethods: readonly WeightMethodEntry[] = [dense, asp, srSte, spre, sSte, ste, transposable];
