/** The table of methods without a pattern; recipes and the command line go through it. */
import type { MethodFactory } from "../define-method.ts";
import { prune } from "./prune.ts";
import { rigl } from "./rigl.ts";
import { set } from "./set.ts";
import type { UnstructuredMethod } from "./unstructured-method.ts";

export const unstructuredMethods: readonly MethodFactory<UnstructuredMethod>[] = [prune, set, rigl];
