/** What verbs have in common: their options, where results go, names of 0.1. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Place, quick, recipe } from "../../test/command.ts";
import { makeProgram } from "./program.ts";

const parsed = (text: string | Buffer): Record<string, unknown> => JSON.parse(text.toString());

describe("every verb", () => {
  const program = makeProgram();
  const machine = ["--threads <count>", "--backend <name>"];
  const ofRecipes = ["--seed <number>", "--batch-size <count>", "--set <key=value>"];
  const training = [
    "--data-dir <folder>",
    "--limit <count>",
    "--epochs <count>",
    "--optimizer <name>",
    "--lr <number>",
  ];

  test.each([
    ["compare", [...machine, ...ofRecipes, ...training, "-o, --out <folder>"]],
    ["train", [...machine, ...ofRecipes, ...training, "-o, --out <folder>"]],
    ["compress", [...machine, ...ofRecipes, ...training, "-o, --out <folder>"]],
    ["resume", [...machine, "-o, --out <folder>"]],
    ["reproduce", [...machine, "-o, --out <folder>"]],
    ["curve", [...machine, ...ofRecipes, ...training, "-o, --out <folder>"]],
    ["explain", [...machine, ...ofRecipes, "-o, --out <file>"]],
    ["account", [...ofRecipes, "-o, --out <file>"]],
    ["bench", [...machine, "--batch-size <count>", "-o, --out <file>"]],
    ["report", ["-o, --out <file>"]],
  ])("%s has its options and --json, each told in a sentence", (verb, options) => {
    const stdout = program.commands.find((command) => command.name() === verb)!.helpInformation();
    const told = stdout.slice(stdout.indexOf("\nOptions:\n") + "\nOptions:\n".length).split(/\n(?= {2}-)/);
    const flags = told.map((text) => text.trim().split(/ {2,}/)[0]);
    expect(flags).toEqual(expect.arrayContaining([...options, "--json [file]", "-h, --help"]));
    for (const text of told) {
      const sentence = text
        .replace(/\s+/g, " ")
        .trim()
        .replace(/ \(default: [^)]*\)$/, "");
      expect(sentence).toMatch(/^-.* [A-Z].*\.$/);
    }
    expect(stdout).not.toMatch(/--batch[ =<]|--train/);
  });

  test("is one of these", () => {
    expect(program.commands.map((command) => command.name())).toEqual([
      "compare",
      "train",
      "resume",
      "compress",
      "report",
      "explain",
      "account",
      "curve",
      "reproduce",
      "bench",
    ]);
  });
});

describe.concurrent("--json", () => {
  test("without a file gives standard output to the JSON, and all words to stderr", async () => {
    const place = new Place({ "r.json": recipe });
    const { stdout, stderr } = await place.succeed("train", "r.json", "-o", "o", "--json");
    const json = parsed(stdout);
    expect(json).toMatchObject({ schemaVersion: 1, recipe: { batchSize: 128 }, runs: [{ method: "sr-ste" }] });
    expect(stderr).toContain("digits: 512 training, 200 test images; run in o");
    for (const name of ["result.json", "machine.json"])
      expect(parsed(place.read(`o/${name}`))).toHaveProperty("schemaVersion", 1);
    expect(place.read("o/metrics.jsonl").toString()).toMatch(
      /^{"event":"step","step":0,.*\n{"event":"masks","step":0,/,
    );
    const dashed = await place.succeed("resume", "o", "--json", "-");
    expect(parsed(dashed.stdout).runs).toEqual(json.runs);
  });
});

describe.concurrent("--out", () => {
  test("of a verb that makes a text is its file", async () => {
    const place = new Place({ "r.json": recipe });
    const shown = await place.succeed("account", "r.json");
    const { stdout } = await place.succeed("account", "r.json", "-o", "new/a.txt", "--json", "a.json");
    expect(stdout).toBe("");
    expect(place.read("new/a.txt").toString()).toBe(shown.stdout);
    const alone = await place.succeed("account", "r.json", "--out", "b.txt", "--json");
    expect(place.read("a.json").toString()).toBe(alone.stdout);
    expect(place.read("b.txt").toString()).toBe(shown.stdout);
  });

  test("of resume goes on in a copy", async () => {
    const place = new Place({ "r.json": recipe });
    await place.succeed("train", "r.json", "-o", "o");
    const before = place.read("o/result.json");
    await place.succeed("resume", "o", "-o", "copy");
    expect(readdirSync(place.at("copy"))).toEqual(readdirSync(place.at("o")));
    expect(place.read("o/result.json").equals(before)).toBe(true);
    const again = await place.run("resume", "o", "-o", "copy");
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("--out: expected copy not to exist yet")]);
  });
});

describe.concurrent("options of the recipe", () => {
  test("change its keys where a run is trained", async () => {
    const place = new Place({ "r.json": recipe });
    const options = ["--optimizer", "sgd", "--lr", "0.1", "--batch-size", "32", "--limit", "128", "--seed", "3"];
    await place.succeed(
      "train",
      "r.json",
      ...options,
      "--set",
      "optimizer.momentum=0.5",
      "--set",
      "skip=[]",
      "-o",
      "o",
    );
    expect(parsed(place.read("o/recipe.json"))).toMatchObject({
      ...{ optimizer: { name: "sgd", learningRate: 0.1, momentum: 0.5 }, batchSize: 32, seed: 3, skip: [] },
      ...{ data: { limit: { train: 128, test: 200 } }, epochs: 1 },
    });
  });
});

describe.concurrent("names of 0.1", () => {
  test("of options work, and are told once", async () => {
    const place = new Place({ "r.json": recipe });
    const { stderr } = await place.succeed(...quick, "--train", "128", "--batch=64", "-o", "o", "--no-report");
    expect(stderr).toMatch(
      /^--train is called --limit now\. Its former name still works\.\n--batch is called --batch-size now\. .*\n/,
    );
    expect(parsed(place.read("o/dense/recipe.json"))).toMatchObject({ batchSize: 64, data: { limit: { train: 128 } } });
  });

  test("of a recipe's keys are read, and each is told once, for however many runs", async () => {
    const old = { ...recipe, data: { name: "digits", train: 128 }, batch: 64, optimiser: { name: "sgd", rate: 0.1 } };
    const place = new Place({ "r.json": old });
    const { stderr } = await place.succeed(...quick, "-o", "o", "--no-report");
    const told = stderr.split("\n").filter((line) => line.startsWith("recipe: the key"));
    expect(told.map((line) => line.match(/"[^"]+"/g)?.join())).toEqual([
      ...['"optimiser","optimizer"', '"optimizer.rate","optimizer.learningRate"', '"batch","batchSize"'],
      '"data.train","data.limit.train"',
    ]);
    const quiet = await place.succeed("resume", "o");
    expect(quiet.stderr).not.toContain("recipe: the key");
  });

  test("of a claim are known", async () => {
    // of another scale, so that nothing is trained
    const other = { name: "one", scale: "small", seeds: 1, machine: {}, findings: [] };
    const place = new Place({ "o/claims.json": { claims: [other] } });
    const { code, stderr } = await place.run("reproduce", "neighbours-are-alike", "-o", "o");
    const [told, refused] = stderr.split("\n");
    expect([code, told]).toEqual([
      2,
      "reproduce: the claim neighbours-are-alike is called neighbors-are-alike now. Its former name still works.",
    ]);
    expect(refused).toContain("which holds those at small");
  });
});
