import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Option } from "../../core/options.ts";
import { activationMethods } from "../../core/sparsity/methods/activations/methods.ts";
import { inputGradMethods } from "../../core/sparsity/methods/input-grad/methods.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../../core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { withMethodTables } from "./methods-page.ts";

const folder = new URL("../../../docs/methods/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), "utf8");
const page = read("README.md");

test("docs/methods/README.md has the tables of the methods (else: npx tsx scripts/write-methods.ts)", () => {
  expect(page).toBe(withMethodTables(page, read));
});

test("it links to every page of its folder, and to no other", () => {
  const linked = new Set([...page.matchAll(/\]\(([a-z-]+\.md)/g)].map(([, target]) => target));
  expect(linked).toEqual(new Set(readdirSync(folder).filter((name) => name !== "README.md")));
});

describe("the page of a method", () => {
  const withOptions = [
    ...[...weightMethods, ...unstructuredMethods].map((method) => [method.name, "", method] as const),
    ...activationMethods.map((method) => [method.name, "activations.", method] as const),
    ...inputGradMethods.map((method) => [method.name, "inputGrad.", method] as const),
    ...weightGradMethods.map((method) => [method.name, "weightGrad.", method] as const),
  ].filter(([, , { options }]) => Object.keys(options).length > 0);

  test.each(withOptions)("has the defaults and ranges that are checked: %s", (name, prefix, { options }) => {
    const rows = read(`${name}.md`)
      .split("\n")
      .map((line) => line.split("|").map((cell) => cell.trim()));
    for (const [key, option] of Object.entries(options)) {
      const [, , value, range] = rows.find(([, first]) => first === `\`${prefix}${key}\``) ?? [];
      expect([key, option.kind === "number" ? Number(value) : value, range]).toEqual([
        key,
        option.kind === "number" ? option.default : `\`${option.words[0]}\``,
        rangeOf(option),
      ]);
    }
  });
});

describe("the table of docs/recipes.md", () => {
  const lines = readFileSync(new URL("../recipes.md", folder), "utf8").split("\n");
  const begin = lines.findIndex((line) => line.startsWith("| `method.`"));
  const rows = lines
    .slice(begin + 2, lines.indexOf("", begin))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, key]) => key !== "`name`" && key !== "`pattern`");

  test.each(rows)("has the defaults and ranges that are checked: %s%s of %s", (_, key, of, defaults, range) => {
    // "1; maxq 10": the default, and those of methods that have another one
    const [usual, ...others] = defaults.split("; ");
    for (const name of of.split(", ").map((word) => word.slice(1, -1))) {
      const option = [...weightMethods, ...unstructuredMethods].find((one) => one.name === name)?.options[
        key.slice(1, -1)
      ];
      const own = others.find((other) => other.startsWith(`${name} `))?.slice(name.length + 1) ?? usual;
      expect([name, option && rangeOf(option).replace(" to ", " .. ")]).toEqual([name, range]);
      expect(option?.kind === "number" ? Number(own) : own).toBe(
        option?.kind === "number" ? option.default : `\`${option?.words[0]}\``,
      );
    }
  });

  test("has them of several methods", () => {
    expect(rows.length).toBeGreaterThan(10);
  });
});

function rangeOf(option: Option): string {
  const words = (option.words ?? []).map((word) => `\`${word}\``).join(", ");
  if (option.kind === "word") return words;
  const [min, max] = [option.min, option.max].map((bound) =>
    bound.toLocaleString("en-US", { maximumFractionDigits: 6 }),
  );
  return `${min} to ${max}${words && `, or ${words}`}`;
}
