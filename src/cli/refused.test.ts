/** What the command line refuses: one message, the right exit code, nothing left behind. */
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FORM, Place, quick, recipe } from "../../test/command.ts";

const idx = (dims: readonly number[], values: number): Uint8Array =>
  Uint8Array.from([
    0,
    0,
    8,
    dims.length,
    ...dims.flatMap((d) => [d >>> 24, d >>> 16, d >>> 8, d]),
    ...new Array(values).fill(1),
  ]);
const mnist = {
  "d/train-images-idx3-ubyte": idx([200, 28, 28], 200 * 784),
  "d/train-labels-idx1-ubyte": idx([200], 200),
  "d/t10k-images-idx3-ubyte": idx([20, 28, 28], 20 * 784),
  "d/t10k-labels-idx1-ubyte": idx([20], 20),
};
const cifar = { "d/data_batch_1.bin": new Uint8Array(200 * 3073), "d/test_batch.bin": new Uint8Array(20 * 3073) };

interface Refused {
  readonly args: readonly string[];
  readonly files?: Readonly<Record<string, string | Uint8Array | object>>;
  readonly code: 1 | 2;
  readonly says: string | RegExp;
}

describe.concurrent("refused, with one message, the right exit code and nothing left behind:", () => {
  const refused: Record<string, Refused> = {
    "an unknown verb": { args: ["comprae"], code: 2, says: 'got "comprae". Perhaps you mean "compare".' },
    "an unknown option": { args: ["compare", "--epoch", "3"], code: 2, says: 'Perhaps you mean "--epochs".' },
    "an option without its value": { args: ["compare", "--epochs"], code: 2, says: "a value for --epochs <count>" },
    "an argument too many": { args: ["compare", "mnist"], code: 2, says: 'got "mnist"' },
    "train without a recipe": { args: ["train"], code: 2, says: "trisparse train: expected <recipe>, got nothing." },
    "an unknown method": { args: ["compare", "--methods", "dense,srste"], code: 2, says: 'Perhaps you mean "sr-ste".' },
    "an empty list of methods": {
      args: ["compare", "--methods", ""],
      code: 2,
      says: "--methods: expected some of dense",
    },
    "an unknown data set": { args: ["compare", "--data", "mnits"], code: 2, says: 'Perhaps you mean "mnist".' },
    "an unknown model": { args: ["compare", "--model", "resnt"], code: 2, says: 'Perhaps you mean "resnet".' },
    "a precision that comes later": {
      args: ["compare", "--precision", "bf16"],
      code: 2,
      says: '--precision: expected the precision "f32", got "bf16". bf16 comes later',
    },
    "an unknown backend": {
      args: ["compare", "--backend", "cuda"],
      code: 2,
      says: "--backend: expected one of native, wasm, js",
    },
    "an unknown way to compute": {
      args: ["explain", "r.json", "--compute", "spars"],
      code: 2,
      says: 'Perhaps you mean "sparse".',
    },
    "a report without a folder": {
      args: ["report"],
      code: 2,
      says: "trisparse report: expected <run>, got nothing.",
    },
    "a report of what is no run": {
      args: ["report", "gone"],
      code: 2,
      says: "report: expected the folder of a run or a comparison, got gone, which does not exist.",
    },
    "a report into a folder": {
      args: ["report", "o", "--out", "o"],
      files: { "o/recipe.json": {} },
      code: 2,
      says: "--out: expected o to be writable, got a folder.",
    },
    "a report of a run that has not begun": {
      args: ["report", "o"],
      files: { "o/recipe.json": {} },
      code: 1,
      says: "report: expected a run that has taken a step, got none in o.",
    },
    "a report of a damaged run": {
      args: ["report", "o", "--json", "j.json"],
      files: { "o/recipe.json": {}, "o/metrics.jsonl": '{"step":0}\n' },
      code: 1,
      says: "o/metrics.jsonl, line 1: expected a step, got loss",
    },
    "a folder of claims at another scale": {
      args: ["reproduce", "early-structure", "--out", "o"],
      files: { "o/claims.json": { claims: [{ name: "one", scale: "small", seeds: 1, machine: {}, findings: [] }] } },
      code: 2,
      says: "--out: expected a folder of claims at scale smoke, got o, which holds those at small. Choose another",
    },
    "an unknown benchmark": { args: ["bench", "stepp"], code: 2, says: 'Perhaps you mean "step".' },
    "a model that is not timed": {
      args: ["bench", "step", "--models", "cn"],
      code: 2,
      says: 'Perhaps you mean "cnn".',
    },
    "a convolution that is none": { args: ["bench", "gemm", "--sizes", "conv:8x8:3"], code: 2, says: '"conv:8x8:3"' },
    "a recipe that explain cannot read": { args: ["explain", "none.json"], code: 2, says: "none.json" },
    "a pattern that is none": { args: ["compare", "--pattern", "4:2"], code: 2, says: "expected N:M or N:MvV with" },
    "a pattern that fits no layer": {
      args: ["compare", "--limit", "200", "--methods", "dense,sr-ste", "--pattern", "3:5"],
      code: 2,
      says: "fc1.weight: 784 inputs cannot be cut into groups of 5",
    },
    "a recipe whose pattern fits no layer": {
      args: ["train", "r.json"],
      files: { "r.json": { ...recipe, method: { name: "ste", pattern: "3:5" } } },
      code: 2,
      says: "pattern 3:5: expected at least one layer",
    },
    "a batch of more images than there are": {
      args: ["compare", "--limit", "100", "--batch-size", "200"],
      code: 2,
      says: "batchSize: expected a whole number in 1..90",
    },
    "no epochs": {
      args: ["compare", "--epochs", "0"],
      code: 2,
      says: '--epochs: expected a whole number of at least 1, got "0".',
    },
    "epochs that are no number": { args: ["compare", "--epochs", "abc"], code: 2, says: 'got "abc"' },
    "a number in another notation": { args: ["compare", "--epochs", "0x10"], code: 2, says: 'got "0x10"' },
    "no threads": {
      args: ["compare", "--threads", "0"],
      code: 2,
      says: "--threads: expected a whole number in 1..256",
    },
    "a seed beyond 32 bits": { args: ["compare", "--seed", "4294967296"], code: 2, says: "--seed: expected" },
    "a recipe that is not there": {
      args: ["train", "r.json"],
      code: 2,
      says: "readable file r.json, got no such file",
    },
    "a recipe to compare that is not there": { args: quick, code: 2, says: "readable file r.json, got no such file" },
    "a folder for a recipe": { args: ["train", "."], code: 2, says: "got a folder" },
    "a recipe that is no JSON": {
      args: ["train", "r.json"],
      files: { "r.json": "{epochs: 3}" },
      code: 2,
      says: "recipe r.json: expected JSON, got Expected property name",
    },
    "a recipe with an unknown key": {
      args: ["train", "r.json"],
      files: { "r.json": { ...recipe, epoch: 3 } },
      code: 2,
      says: 'r.json: expected a recipe as recipes/schema.json describes, got unknown key "epoch" (perhaps you mean "epochs").',
    },
    "a key to set that recipes do not have": {
      args: ["train", "r.json", "--set", "optimizer.learnigRate=0.1"],
      files: { "r.json": recipe },
      code: 2,
      says: 'got optimizer: unknown key "learnigRate" (perhaps you mean "learningRate").',
    },
    "a value to set that is out of range": {
      args: ["compress", "r.json", "--set", "batchSize=0"],
      files: { "r.json": recipe },
      code: 2,
      says: "got batchSize: expected a number of 1 or more",
    },
    "a key to set without a value": {
      args: ["compare", "--set", "batchSize"],
      code: 2,
      says: '--set: expected KEY=VALUE, got "batchSize".',
    },
    "an unknown optimizer": { args: ["compare", "--optimizer", "adam"], code: 2, says: 'Perhaps you mean "adamw".' },
    "a learning rate of none": { args: ["compare", "--lr", "0"], code: 2, says: "--lr: expected a number above 0" },
    "an option that takes the recipe for its file": {
      args: ["explain", "--json", "r.json"],
      code: 2,
      says: "expected <recipe>, got nothing. Put --json behind <recipe>, or write --json=-.",
    },
    "a text into a folder": {
      args: ["explain", "r.json", "-o", "o"],
      files: { "r.json": recipe, "o/kept": "kept" },
      code: 2,
      says: "--out: expected o to be writable, got a folder.",
    },
    "a result of a later version": {
      args: ["report", "o"],
      files: { "o/recipe.json": {}, "o/result.json": { schemaVersion: 2 } },
      code: 1,
      says: "o/result.json: expected schemaVersion 1 or none, got 2.",
    },
    "a recipe with a wrong pattern, in one sentence": {
      args: ["train", "r.json"],
      files: { "r.json": { method: { name: "ste", pattern: "4:2" } } },
      code: 2,
      says: 'got method.pattern: expected N:M or N:MvV with 1 <= N < M <= 16 and V of 1, 2, 4, got "4:2". Correct these keys.',
    },
    "a folder of runs that holds files": {
      args: [...quick, "--out", "o"],
      files: { "r.json": recipe, "o/kept": "kept" },
      code: 2,
      says: "--out: expected o not to exist yet, got files in it.",
    },
    "a file for the folder of runs": {
      args: ["train", "r.json", "--out", "o"],
      files: { "r.json": recipe, o: "kept" },
      code: 2,
      says: "--out: expected o not to exist yet, got a file.",
    },
    "a folder of runs below a file": {
      args: ["train", "r.json", "--out", "o/p"],
      files: { "r.json": recipe, o: "kept" },
      code: 2,
      says: "got a file in place of the folder",
    },
    "a folder for the JSON": {
      args: [...quick, "--json", "j"],
      files: { "r.json": recipe, "j/kept": "kept" },
      code: 2,
      says: "--json: expected j to be writable, got a folder.",
    },
    "a file as the folder of the JSON": {
      args: [...quick, "--json", "j/x.json"],
      files: { "r.json": recipe, j: "kept" },
      code: 2,
      says: "--json: expected j/x.json to be writable, got a file in place of the folder",
    },
    "resuming what is not there": { args: ["resume", "o"], code: 2, says: "got o, which does not exist." },
    "resuming a folder of other things": {
      args: ["resume", "o"],
      files: { "o/x": "" },
      code: 2,
      says: "resume: expected the folder of a run or a comparison, got o, which is none.",
    },
    "resuming a damaged comparison": {
      args: ["resume", "o"],
      files: { "o/compare.json": "[]" },
      code: 1,
      says: "compare.json: expected the names of its run folders, got none.",
    },
    "a text that is not there": {
      args: ["compare", "--data", "text", "--data-dir", "d"],
      code: 1,
      says: "text: expected one .txt file in d, got no such folder.",
    },
    "a text too short": {
      args: ["compare", "--data", "text", "--data-dir", "d"],
      files: { "d/a.txt": "short ".repeat(5) },
      code: 2,
      says: "text train: expected at least 129 characters, a window of 128 and the one behind it, got 24.",
    },
    "a model of images on text": {
      args: ["compare", "--data", "text", "--model", "mlp"],
      code: 2,
      says: "model mlp: expected images, got a text.",
    },
    "a model of text on images": {
      args: ["compare", "--model", "gpt"],
      code: 2,
      says: "model gpt: expected a text, got images.",
    },
    "steps beside epochs": {
      args: ["compare", "--steps", "3", "--epochs", "2"],
      code: 2,
      says: "--steps",
    },
    "a data folder that is not there": {
      args: ["compare", "--data", "mnist", "--data-dir", "d"],
      code: 1,
      says: "in d, got none of them.",
    },
    "an empty data folder": {
      args: ["compare", "--data", "cifar10", "--data-dir", "."],
      code: 1,
      says: /^cifar10: expected training and test files .*, got none of them\./,
    },
    "a data folder with a file missing": {
      args: ["compare", "--data", "mnist", "--data-dir", "d"],
      files: { "d/train-images-idx3-ubyte": idx([1, 28, 28], 784) },
      code: 1,
      says: "got no train-labels-idx1-ubyte",
    },
    "an IDX file that was cut": {
      args: ["compare", "--data", "mnist", "--data-dir", "d"],
      files: { ...mnist, "d/train-images-idx3-ubyte": idx([200, 28, 28], 5) },
      code: 1,
      says: "train-images-idx3-ubyte: expected 156816 bytes for dimensions 200 x 28 x 28, got 21 bytes.",
    },
    "a CIFAR-10 file of a wrong size": {
      args: ["compare", "--data", "cifar10", "--data-dir", "d"],
      files: { ...cifar, "d/data_batch_1.bin": new Uint8Array(5000) },
      code: 1,
      says: "data_batch_1.bin: expected CIFAR-10 records of 3073 bytes, got 5000 bytes.",
    },
  };

  test.each(Object.entries(refused))("%s", async (_, { args, files, code, says }) => {
    const place = new Place(files);
    const before = place.everything();
    const ended = await place.run(...args);
    const lines = ended.stderr.trimEnd().split("\n");
    const message = lines.pop()!;
    expect(message).toMatch(FORM);
    if (typeof says === "string") expect(message).toContain(says);
    else expect(message).toMatch(says);
    // what may stand before it: which kernels run
    for (const line of lines) expect(line).toMatch(/^(Native|WASM) /);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(place.everything()).toEqual(before);
  });
});

test("a way to compute in the environment that is none is refused before a folder is made", async () => {
  const place = new Place({ "r.json": recipe });
  const before = place.everything();
  const { code, stderr } = await place.start(["train", "r.json"], { TRISPARSE_COMPUTE: "fast" }).ended;
  const says = "TRISPARSE_COMPUTE: expected one of auto, sparse, emulated";
  expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
  expect(stderr.trimEnd()).toMatch(FORM);
  expect(place.everything()).toEqual(before);
});

describe.concurrent("a run that fails on its way", () => {
  test("says why and what to do, exits with 1, and leaves a folder that can be resumed", async () => {
    const optimizer = { name: "sgd", learningRate: 1e30, momentum: 0 };
    const place = new Place({ "r.json": { ...recipe, method: { name: "dense" }, optimizer } });
    const { code, stdout, stderr } = await place.run("train", "r.json", "--out", "o", "--json", "j.json");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.trimEnd().split("\n").pop()).toMatch(FORM);
    expect(stderr).toMatch(/training with dense, step \d+: expected a finite loss, got NaN\./);
    expect(existsSync(place.at("j.json"))).toBe(false);
    expect(existsSync(place.at("o/weights.safetensors"))).toBe(false);
    const again = await place.run("resume", "o");
    expect([again.code, again.stderr.split("\n").at(-2)]).toEqual([1, stderr.split("\n").at(-2)]);
  });

  test("names the line of metrics that was damaged", async () => {
    const place = new Place({ "r.json": recipe });
    await place.succeed("train", "r.json", "--out", "o");
    const metrics = place.read("o/metrics.jsonl");
    metrics[0] = 0x78;
    writeFileSync(place.at("o/metrics.jsonl"), metrics);
    const { code, stdout, stderr } = await place.run("resume", "o");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.trimEnd().split("\n").pop()).toMatch(FORM);
    expect(stderr).toContain("o/metrics.jsonl: expected a JSON object a line");
  });
});
