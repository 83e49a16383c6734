/** Text of scripts between the marks of a page: <!-- name: written by scripts/... --> and <!-- /name -->. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/node/files.ts";

const root = new URL("../", import.meta.url);

/** Puts text between two marks of a file; with --check it writes nothing, and the exit code is 1 where other text stands there. */
export function fill(file: string, mark: string, content: string): void {
  const path = fileURLToPath(new URL(file, root));
  const text = readFileSync(path, "utf8");
  const marked = new RegExp(`(<!-- ${mark}:[^\\n]*-->\\n)[\\s\\S]*?(<!-- /${mark} -->)`);
  if (!marked.test(text)) throw new Error(`expected ${file} to hold the marks of ${mark}, got none. Put them back.`);
  const next = text.replace(marked, (_, open: string, close: string) => `${open}\n${content}\n\n${close}`);
  if (!process.argv.includes("--check")) writeFileAtomically(path, next);
  else if (words(next) !== words(text)) {
    console.error(
      `expected ${file} to show the results of docs/results under ${mark}, got others. Run the script without --check.`,
    );
    process.exitCode = 1;
  }
}

/** The text without what a formatter changes in tables. */
function words(text: string): string {
  return text.replace(/\|[ :|-]*\n/g, "|\n").replace(/[ \t]+/g, " ");
}
