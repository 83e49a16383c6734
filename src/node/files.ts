/** Files that are either whole or not there. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { expected } from "../core/errors.ts";

/**
 * Writes to a temporary name in the same folder, then renames: readers see the old file or the new one, never half of
 * one, whenever the process dies. Makes the folder. If it throws, it leaves nothing behind.
 */
export function writeFileAtomically(path: string, data: Uint8Array | string): void {
  let temporary: string | undefined;
  try {
    const present = found(path);
    // renaming onto /dev/null or a pipe would put a file in its place
    if (present !== undefined && !present.isFile() && !present.isDirectory()) {
      writeFileSync(path, data);
      return;
    }
    const target = present === undefined ? path : realpathSync(path);
    mkdirSync(dirname(target), { recursive: true });
    const name = `${target}.${process.pid}.tmp`;
    const file = openSync(name, "w");
    temporary = name;
    try {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      // writeSync may write only a part
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw expected(
      "write",
      `${path} to be writable`,
      (error as Error).message,
      "Check the folder's rights and the space left",
    );
  }
}

/** The bytes of a file; `where` says in the error what the file is for. */
export function readFile(where: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const got = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a folder" : message;
    throw expected(where, `a readable file ${path}`, got, "Check the path");
  }
}

/**
 * Why no file or folder can be made at this path; undefined if one can. It asks the nearest folder above and makes
 * nothing.
 */
export function obstacle(path: string): string | undefined {
  let folder = dirname(resolve(path));
  for (let above = found(folder); above === undefined; above = found(folder)) folder = dirname(folder);
  if (!found(folder)?.isDirectory()) return `a file in place of the folder ${folder}`;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch {
    return `no right to write into ${folder}`;
  }
}

/**
 * The file or folder at a path, links followed; undefined if there is none, or if a file stands in place of a folder.
 */
export function found(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
