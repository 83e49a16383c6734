/** The table of claims, in the order of their numbers. A new one is a file and a line here. */
import { aspNeedsRetraining } from "./asp-needs-retraining.ts";
import type { Claim } from "./claim.ts";
import { decayCalmsMasks } from "./decay-calms-masks.ts";
import { depthCanGo } from "./depth-can-go.ts";
import { detectionToo } from "./detection.ts";
import { earlyStructure } from "./early-structure.ts";
import { fullySparseIsFree } from "./fully-sparse-is-free.ts";
import { gradientsWantNoBias } from "./gradients-want-no-bias.ts";
import { highSparsity } from "./high-sparsity.ts";
import { neighborsAreAlike } from "./neighbors-are-alike.ts";
import { sharingPlaces } from "./sharing-places.ts";
import { srSteMatchesDense } from "./sr-ste-matches-dense.ts";
import { structureIsFaster } from "./structure-is-faster.ts";
import { whichOperand } from "./which-operand.ts";

export const claims: readonly Claim[] = [
  srSteMatchesDense,
  decayCalmsMasks,
  aspNeedsRetraining,
  gradientsWantNoBias,
  whichOperand,
  neighborsAreAlike,
  fullySparseIsFree,
  structureIsFaster,
  depthCanGo,
  highSparsity,
  earlyStructure,
  sharingPlaces,
  detectionToo,
];

/** Present names of claims by their names in version 0.1. */
const FORMER: Readonly<Record<string, string>> = { "neighbours-are-alike": "neighbors-are-alike" };

/** The present name of a claim. */
export function currentClaim(name: string): string {
  return Object.hasOwn(FORMER, name) ? FORMER[name] : name;
}
