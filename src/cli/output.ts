import { writeFileAtomically } from "../node/files.ts";

/** Prints the text, or with --json - the JSON alone; with --json FILE both, the JSON to the file. */
export function writeOutput(json: string | undefined, value: unknown, text: string): void {
  if (json === "-") {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${text}\n`);
  if (json !== undefined) writeFileAtomically(json, `${JSON.stringify(value, null, 2)}\n`);
}
