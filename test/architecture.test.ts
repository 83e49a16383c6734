/** docs/architecture.md names files; each of them is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const FOLDERS = ["src", "native", "docs", "test", "scripts", "bench", "recipes"];

/** All files and folders of the tree, each with a slash before it. */
const there = FOLDERS.flatMap((folder) => [
  `/${folder}`,
  ...readdirSync(join(ROOT, folder), { recursive: true }).map((path) => `/${folder}/${path}`),
]);

/** What looks like a path between backticks: with a slash, or with the ending of a source file. */
function pathsOf(text: string): string[] {
  const words = [...text.matchAll(/`([^`\s]+)`/g)].map(([, word]) => word);
  return words.filter(
    (word) => /^[\w.-]+(\/[\w.-]+)*\/?$/.test(word) && (/\//.test(word) || /\.(ts|inl|def|cc)$/.test(word)),
  );
}

test.each(["docs/architecture.md", "CONTRIBUTING.md"])("%s names no file that is not there", (page) => {
  const found = pathsOf(readFileSync(join(ROOT, page), "utf8")).filter((path) => path !== "trisparse/lab");
  expect(found.length).toBeGreaterThan(5);
  const missing = found.filter((path) => {
    const ending = `/${path.replace(/\/$/, "")}`;
    // what is made by a build is not always there
    return (
      !existsSync(join(ROOT, path)) && !/^(dist|prebuilds)/.test(path) && !there.some((one) => one.endsWith(ending))
    );
  });
  expect(missing).toEqual([]);
});
