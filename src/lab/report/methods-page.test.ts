import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withMethodTables } from "./methods-page.ts";

const folder = new URL("../../../docs/methods/", import.meta.url);
const page = readFileSync(new URL("README.md", folder), "utf8");

test("docs/methods/README.md has the tables of the methods (else: npx tsx scripts/write-methods.ts)", () => {
  expect(page).toBe(withMethodTables(page));
});

test("it links to every page of its folder, and to no other", () => {
  const linked = new Set([...page.matchAll(/\]\(([a-z-]+\.md)/g)].map(([, target]) => target));
  expect(linked).toEqual(new Set(readdirSync(folder).filter((name) => name !== "README.md")));
});
