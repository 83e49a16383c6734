/** What methods say of themselves: where they come from, what tests them, and which run shows their point. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { makeProgram } from "../src/cli/program.ts";
import type { MethodFactory } from "../src/core/sparsity/methods/define-method.ts";
import { strategies } from "../src/core/sparsity/methods/strategies.ts";
import { claims } from "../src/lab/claims/claims.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { differencesOf, methodTables } from "../src/lab/report/methods-page.ts";

const root = new URL("../", import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), "utf8");

interface Line {
  readonly verb: string;
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** The command line as the program reads it, without running it. Throws where the program would refuse it. */
function parsed(line: string): Line {
  const program = makeProgram();
  let found: Line | undefined;
  for (const command of program.commands) {
    command.action(() => {
      found = { verb: command.name(), operands: command.args, options: command.opts() };
    });
  }
  program.parse(line.split(" "), { from: "user" });
  return found!;
}

/** The words of methods that a command line trains with, its strategies taken apart. */
function trained({ verb, operands, options }: Line): string[] {
  if (verb === "reproduce") {
    const claim = claims.find(({ name }) => name === operands[0])!;
    return Object.values(claim.variants("smoke")).flatMap((recipe) => wordsOf(recipe));
  }
  if (verb === "train") return wordsOf(JSON.parse(text(operands[0])));
  return (options.methods as string).split(",").flatMap((name) => {
    const strategy = strategies.find((one) => one.name === name);
    return strategy === undefined ? [name] : wordsOf(strategy.parts("2:4"));
  });
}

function wordsOf(recipe: object): string[] {
  const { strategy, ...parts } = recipe as Record<string, { name?: string }>;
  const known = strategies.find(({ name }) => name === strategy?.name);
  const ofStrategy = known === undefined ? {} : known.parts("2:4");
  return Object.values({ ...parts, ...ofStrategy }).flatMap((part) => (part as { name?: string }).name ?? []);
}

describe.each(
  methodTables.flatMap((table) => table.methods.map((method) => [`${table.key}: ${method.name}`, method] as const)),
)("%s", (_, method: MethodFactory<unknown>) => {
  test("names a test that is there, and a place in its source", () => {
    expect(method.oracle).toMatch(/\.test\.ts$/);
    expect(existsSync(new URL(method.oracle, root))).toBe(true);
    expect(method.section).not.toBe("");
  });

  test("has a run that shows its point: the program knows the options, and the run trains with it", () => {
    const line = parsed(method.shows);
    if (line.verb === "train") expect(() => parseRecipe(JSON.parse(text(line.operands[0])))).not.toThrow();
    if (line.verb === "compare") {
      const known = [...methodTables.flatMap(({ methods }) => methods), ...strategies].map(({ name }) => name);
      for (const name of (line.options.methods as string).split(",")) expect(known).toContain(name);
    }
    expect(trained(line)).toContain(method.name);
  });
});

test("a run that the program would refuse is found", () => {
  expect(() => parsed("compare --method ste")).toThrow("expected one of its options");
  expect(() => parsed("train")).toThrow();
  expect(trained(parsed("compare --methods dense,fst"))).toContain("restored");
});

test.each(readdirSync(new URL("docs/methods/", root)).filter((name) => name !== "README.md"))(
  "%s numbers its differences from the source from 1 on, or says that there are none",
  (page) => {
    const content = text(`docs/methods/${page}`);
    const numbers = differencesOf(content);
    expect(numbers).toEqual(numbers.map((__, i) => i + 1));
    expect(numbers.length > 0).toBe(!content.includes("Differences from the source: none."));
  },
);

test("numbers are those of the lists of differences alone", () => {
  const page = "1. no\n\nDifferences from the source:\n\n1. one,\n   and more\n2. two\n\nElse:\n\n1. no";
  expect(differencesOf(page)).toEqual([1, 2]);
});
