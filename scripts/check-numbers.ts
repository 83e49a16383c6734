/** Says which numbers of the documentation have no source, or are not in it: the rules stand in numbers.ts. Exit code 1 where there are any. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { wrongNumbers } from "./numbers.ts";

const root = new URL("../", import.meta.url);
const read = (file: string): string | undefined => {
  const url = new URL(`docs/${file}`, root);
  return existsSync(url) ? readFileSync(url, "utf8") : undefined;
};
// docs/design and the changelog say what was measured at a time, by which command; peers.md is written as a whole
const pagesIn = (folder: string): string[] =>
  readdirSync(new URL(folder, root)).flatMap((name) => (name.endsWith(".md") ? [`${folder}${name}`] : []));
/** Sections whose numbers have no comments yet; one that has none to complain of must go from here. */
const open = ["docs/structured.md > Depth", "docs/structured.md > The ConvNet on CIFAR-10"];
const sectionOf = (found: string): string => {
  const [page, line] = found.split(":");
  const above = readFileSync(new URL(page, root), "utf8").split("\n").slice(0, Number(line)).reverse();
  return `${page} > ${above.find((one) => one.startsWith("## "))?.slice(3)}`;
};
const pages = ["README.md", ...pagesIn("docs/"), ...pagesIn("docs/methods/"), "docs/results/README.md"];
const found = pages.flatMap((page) => wrongNumbers(page, readFileSync(new URL(page, root), "utf8"), read));
const wrong = [
  ...found.filter((one) => !open.includes(sectionOf(one))),
  ...open
    .filter((section) => !found.some((one) => sectionOf(one) === section))
    .map((section) => `${section}: not open`),
];
for (const one of wrong) console.error(one);
if (wrong.length > 0) process.exitCode = 1;
