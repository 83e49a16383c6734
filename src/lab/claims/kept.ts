/** The results of the claims that a folder was asked for, in claims.json; calls for other claims add to it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expected } from "../../core/errors.ts";
import { readResult, writeResult } from "../runs/run-folder.ts";
import { type Interval, intervalOf } from "../statistics/interval.ts";
import type { Scale } from "./claim.ts";
import { claims, currentClaim } from "./claims.ts";
import type { ClaimResult, Finding } from "./result.ts";

const fileOf = (folder: string): string => join(folder, "claims.json");

/**
 * The results in a folder, in the order of the table of claims. A folder has one scale, because claims of a joint table
 * would otherwise say different things.
 */
export function keptClaims(folder: string, scale: Scale): ClaimResult[] {
  const kept = existsSync(fileOf(folder)) ? readClaims(fileOf(folder)) : [];
  const other = kept.find((claim) => claim.scale !== scale);
  if (other === undefined) return kept;
  const todo = `Choose another folder, or --scale ${other.scale}`;
  throw expected(
    "--out",
    `a folder of claims at scale ${scale}`,
    `${folder}, which holds those at ${other.scale}`,
    todo,
  );
}

/** Replaces what an earlier call found for the same claim. */
export function keep(folder: string, result: ClaimResult): void {
  // read again, because another process may have added to it meanwhile
  const others = keptClaims(folder, result.scale).filter(({ name }) => name !== result.name);
  writeResult(fileOf(folder), { claims: [...others, result].sort((a, b) => placeOf(a) - placeOf(b)) });
}

export function readClaims(file: string): ClaimResult[] {
  const found = (readResult("claims", file) as { claims?: ClaimResult[] } | null)?.claims;
  const isOurs = Array.isArray(found) && found.every((claim) => claim?.name && claim.seeds && claim.machine);
  if (isOurs)
    return found.map((claim) => ({ ...claim, name: currentClaim(claim.name), findings: claim.findings.map(revived) }));
  throw expected(
    file,
    "claims as reproduce writes them",
    "something else",
    "Choose another folder, or remove the file",
  );
}

function placeOf({ name }: ClaimResult): number {
  const place = claims.findIndex((claim) => claim.name === name);
  return place < 0 ? claims.length : place;
}

/** JSON has no NaN and no ends of an interval that is unbounded; results of version 0.1 have no values. */
function revived(finding: Finding): Finding {
  const { values = [], p = Number.NaN } = finding as Partial<Finding>;
  if (values.length > 0) return { ...finding, value: intervalOf(values) };
  const { mean, error, low, high } = finding.value as { [name in keyof Interval]: number | null };
  const ends = { low: low ?? -Infinity, high: high ?? Infinity };
  return { ...finding, values, p, value: { mean: mean!, deviation: Number.NaN, error: error ?? Number.NaN, ...ends } };
}
