/** The table of methods for sparse activations in forward. */
import type { MethodFactory } from "../define-method.ts";
import type { ActivationMethod } from "../method.ts";
import { magnitude } from "./magnitude.ts";

export const activationMethods: readonly MethodFactory<ActivationMethod>[] = [magnitude];
