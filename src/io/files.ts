/** Files that are either whole or not there. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { expected } from "../errors.ts";

/**
 * Writes to a temporary name in the same folder, then renames: readers see the old file or the new one, never half of
 * one, whenever the process dies. Makes the folder. Throws, leaving nothing behind, where that is not possible.
 */
export function writeFileAtomically(path: string, data: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, "w");
    try {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      // writeSync may write a part only
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw expected(
      "write",
      `${path} to be writable`,
      (error as Error).message,
      "Check the folder's rights and the space left",
    );
  }
}

/** The bytes of a file; `where` names what it is for in the error. */
export function readFile(where: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const got = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a folder" : message;
    throw expected(where, `a readable file ${path}`, got, "Check the path");
  }
}
