/** Writes results: the text to standard output or a file, JSON to a file or in place of the text. */
import { versioned } from "../lab/runs/schema-version.ts";
import { found, obstacle, writeFileAtomically } from "../node/files.ts";
import { usageError } from "./usage.ts";

export interface JsonOptions {
  /** File for the JSON; "-" or true for standard output. */
  readonly json?: string | true;
}

/** Options of verbs whose only result is their text. */
export interface TextOptions extends JsonOptions {
  /** File for the text. */
  readonly out?: string;
}

/** Rejects, before hours of training, a place to which the results could not be written. */
export function checkJson({ json }: JsonOptions): void {
  if (typeof json === "string" && json !== "-") checkFile("--json", json, "Name another file, or none");
}

export function checkText(options: TextOptions): void {
  checkJson(options);
  if (options.out !== undefined) checkFile("--out", options.out, "Name another file");
}

/** Rejects a path that cannot be written as a file. */
export function checkFile(option: string, path: string, todo: string): void {
  const got = found(path)?.isDirectory() ? "a folder" : obstacle(path);
  if (got !== undefined) throw usageError(option, `${path} to be writable`, got, todo);
}

/** Prints the text, or writes it to a file; if --json names no file, standard output gets the JSON alone. */
export function writeOutput({ json }: JsonOptions, value: object, text: string, out?: string): void {
  const encoded = `${JSON.stringify(versioned(value), null, 2)}\n`;
  const bare = json === true || json === "-";
  if (out !== undefined) writeFileAtomically(out, `${text}\n`);
  else if (!bare) process.stdout.write(`${text}\n`);
  if (bare) process.stdout.write(encoded);
  else if (json !== undefined) writeFileAtomically(json, encoded);
}
