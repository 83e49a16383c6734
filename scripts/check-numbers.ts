/** Says which numbers of the documentation have no source, or are not in it: the rules stand in numbers.ts. Exit code 1 where there are any. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { wrongNumbers } from "./numbers.ts";

const root = new URL("../", import.meta.url);
const read = (file: string): string | undefined => {
  const url = new URL(`docs/${file}`, root);
  return existsSync(url) ? readFileSync(url, "utf8") : undefined;
};
// the changelog says what was measured at a time; peers.md is written as a whole
const pagesIn = (folder: string): string[] =>
  readdirSync(new URL(folder, root)).flatMap((name) => (name.endsWith(".md") ? [`${folder}${name}`] : []));
const folders = ["docs/", "docs/methods/", "docs/design/"];
const pages = ["README.md", ...folders.flatMap(pagesIn), "docs/results/README.md"];
const wrong = pages.flatMap((page) => wrongNumbers(page, readFileSync(new URL(page, root), "utf8"), read));
for (const one of wrong) console.error(one);
if (wrong.length > 0) process.exitCode = 1;
