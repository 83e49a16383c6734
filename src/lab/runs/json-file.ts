/** Files of JSON. */
import { expected } from "../../core/errors.ts";
import { readFile, writeFileAtomically } from "../../node/files.ts";

/** Reads a file of JSON. where: what it is, for the error of one that is not. */
export function readJson(where: string, path: string): unknown {
  const text = new TextDecoder().decode(readFile(where, path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw expected(`${where} ${path}`, "JSON", (error as Error).message, "Correct the file, or write it anew");
  }
}

/** Writes a file of JSON, whole or not at all. */
export function writeJson(path: string, value: unknown): void {
  writeFileAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}
