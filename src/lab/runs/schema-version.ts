/** The version of result files: of what their keys mean. New keys do not change it; 0.1 wrote none. */
import { expected } from "../../core/errors.ts";

const SCHEMA_VERSION = 1;

/** What is to be written, with the version first. */
export function versioned<T extends object>(value: T): { readonly schemaVersion: number } & T {
  return { schemaVersion: SCHEMA_VERSION, ...value };
}

/** Throws on a file of a later version, whose keys may mean something else. */
export function checkVersion(where: string, value: unknown): void {
  const { schemaVersion } = (value ?? {}) as { schemaVersion?: unknown };
  if (schemaVersion === undefined || schemaVersion === SCHEMA_VERSION) return;
  const got = JSON.stringify(schemaVersion);
  throw expected(where, `schemaVersion ${SCHEMA_VERSION} or none`, got, "Read it with a newer trisparse");
}
