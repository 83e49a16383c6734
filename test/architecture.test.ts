/** docs/architecture.md names files; each of them is there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
/** Where the page's paths begin. */
const STARTS = ["", "src", "src/core", "src/core/sparsity", "src/core/autograd", "docs"];

/** What looks like a path between backticks: with a slash, or with the ending of a source file. */
function pathsOf(text: string): string[] {
  const words = [...text.matchAll(/`([^`\s]+)`/g)].map(([, word]) => word);
  return words.filter(
    (word) => /^[\w.-]+(\/[\w.-]+)*\/?$/.test(word) && (/\//.test(word) || /\.(ts|inl|def|cc)$/.test(word)),
  );
}

test.each(["docs/architecture.md", "CONTRIBUTING.md"])("%s names no file that is not there", (page) => {
  const found = pathsOf(readFileSync(join(ROOT, page), "utf8"));
  expect(found.length).toBeGreaterThan(5);
  const missing = found.filter((path) => !STARTS.some((start) => existsSync(join(ROOT, start, path))));
  expect(missing).toEqual([]);
});
