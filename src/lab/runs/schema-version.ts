/**
 * The version of result files, that is, of the meaning of their keys. New keys do not change it; version 0.1 wrote
 * none.
 */
import { expected } from "../../core/errors.ts";

const SCHEMA_VERSION = 1;

/** The value to be written, with the version first. */
export function versioned<T extends object>(value: T): { readonly schemaVersion: number } & T {
  return { schemaVersion: SCHEMA_VERSION, ...value };
}

/** Throws on a file of a later version, whose keys may have other meanings. */
export function checkVersion(where: string, value: unknown): void {
  const { schemaVersion } = (value ?? {}) as { schemaVersion?: unknown };
  if (schemaVersion === undefined || schemaVersion === SCHEMA_VERSION) return;
  const got = JSON.stringify(schemaVersion);
  throw expected(where, `schemaVersion ${SCHEMA_VERSION} or none`, got, "Read it with a newer trisparse");
}
