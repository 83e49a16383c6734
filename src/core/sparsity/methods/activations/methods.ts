/** The table of methods for sparse activations in forward. */
import type { ActivationMethod, MethodEntry } from "../method.ts";
import { magnitude } from "./magnitude.ts";

export const activationMethods: readonly MethodEntry<ActivationMethod>[] = [magnitude];
