/** Every verb of the command line, and what it refuses. */
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Ended, FORM, Place, quick, recipe } from "../../test/command.ts";
import { decodeSafetensors } from "../io/safetensors.ts";
import { nativeInstructionSets } from "../kernels/native.ts";
import type { Comparison } from "../train/compare.ts";

describe.concurrent("compare", () => {
  test("shows the dense row first, whatever the order asked for, and where it ran", async () => {
    const place = new Place({ "r.json": recipe });
    const { stdout, stderr } = await place.succeed(
      "compare",
      "--recipe",
      "r.json",
      "--methods",
      "ste,dense",
      "--threads",
      "1",
    );
    const rows = stdout.split("\n").filter((line) => /^│ (dense|ste 2:4) /.test(line));
    expect(rows.map((row) => row.split(/[ │]+/)[1])).toEqual([
      "dense",
      "ste",
      "dense",
      "ste",
      "dense",
      "ste",
      "dense",
      "ste",
    ]);
    expect(stdout).toMatch(/Ran on (native \w+|wasm \S+), 1 thread, under a load of/);
    expect(stdout).toMatch(/all 2 along inputs/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(stderr).toMatch(
      /on one thread: .*\ndigits: 512 training, 200 test images; runs in (runs\/[\d-]+)\nreport: \1\/report\.html\n$/,
    );
    const [run] = readdirSync(place.at("runs"));
    expect(readdirSync(place.at(`runs/${run}`)).sort()).toEqual([
      "compare.json",
      "dense",
      "report.html",
      "result.json",
      "ste",
    ]);
    expect(existsSync(place.at("cache"))).toBe(false);
  });

  test("--json - writes nothing but JSON, with these keys", async () => {
    const place = new Place({ "r.json": recipe });
    const { stdout } = await place.succeed(...quick, "--json", "-", "--seed", "7", "--out", "o");
    const json = JSON.parse(stdout) as Comparison;
    expect(Object.keys(json)).toEqual(["machine", "data", "model", "epochs", "seed", "recipe", "runs"]);
    expect(json).toMatchObject({ data: "digits", model: "mlp", epochs: 1, seed: 7 });
    expect(Object.keys(json.machine)).toEqual(["cpu", "cores", "node", "backend", "instructionSet", "threads", "load"]);
    expect(json.runs.map(({ method }) => method)).toEqual(["dense", "sr-ste"]);
    const wanted = {
      plan: { forward: "sparse", inputGrad: "masked", weightGrad: "dense" },
      accuracy: expect.any(Number),
      loss: expect.any(Number),
      seconds: expect.any(Number),
      stepMs: { median: expect.any(Number), q1: expect.any(Number), q3: expect.any(Number) },
      gemmMs: {
        forward: expect.any(Number),
        inputGrad: expect.any(Number),
        weightGrad: expect.any(Number),
        pack: expect.any(Number),
      },
      sad: expect.any(Number),
      verified: ["fc1.weight", "fc2.weight"].map((layer) =>
        expect.objectContaining({ layer, pattern: "2:4", axis: "inputs", ok: true }),
      ),
      weightBytes: { dense: expect.any(Number), packed: expect.any(Number) },
    };
    expect(json.runs[1]).toMatchObject(wanted);
    expect(json.runs[0]).toMatchObject({
      ...wanted,
      plan: { forward: "dense", inputGrad: "dense", weightGrad: "dense" },
      verified: [],
      sad: 0,
    });
    expect(json.runs[0].weightBytes.packed).toBe(json.runs[0].weightBytes.dense);
    expect(json.runs[1].weightBytes.packed).toBeLessThan(json.runs[1].weightBytes.dense);
    expect(JSON.parse(place.read("o/result.json").toString())).toEqual(json);
  });

  test("of a text tells bits per character, and says how long it is in characters", async () => {
    const place = new Place({
      "r.json": {
        data: { name: "text" },
        model: { name: "gpt", layers: 1, width: 16, heads: 2, context: 16 },
        ...{ steps: 3, batch: 4 },
      },
      "d/short.txt": "to be or not to be, that is the question. ".repeat(10),
    });
    const { stdout, stderr } = await place.succeed(...quick, "--data-dir", "d", "--json", "j.json");
    expect(stderr).toContain("text: 378 training, 42 test characters, 15 different; runs in");
    expect(stdout).toMatch(/│ method +│ bits\/char │/);
    expect(stdout).not.toContain("accuracy");
    const json = JSON.parse(place.read("j.json").toString()) as Comparison;
    expect(json).toMatchObject({ data: "text", model: "gpt", epochs: null, recipe: { steps: 3 } });
    for (const run of json.runs) {
      expect(run).toMatchObject({ bitsPerChar: expect.any(Number) });
      expect(run).not.toHaveProperty("accuracy");
    }
    expect(json.runs[1].verified).toHaveLength(4);
    const longer = await place.succeed(...quick, "--data-dir", "d/short.txt", "--steps", "1", "--json", "-");
    expect(JSON.parse(longer.stdout)).toMatchObject({ epochs: null, recipe: { steps: 1 } });
  });

  test("--json FILE writes both, and makes the file's folder", async () => {
    const place = new Place({ "r.json": recipe });
    const { stdout } = await place.succeed(...quick, "--json", "new/r.json");
    expect(stdout).toMatch(/^┌/);
    expect((JSON.parse(place.read("new/r.json").toString()) as Comparison).runs).toHaveLength(2);
    expect(readdirSync(place.at("new"))).toEqual(["r.json"]);
  });

  test("takes widths, pattern and the method's numbers from the recipe, and options over all of it", async () => {
    const method = { name: "sr-ste", lambda: 0.5, pattern: "1:4" };
    const place = new Place({ "r.json": { ...recipe, method } });
    await place.succeed(...quick, "--model", "mlp", "--train", "256", "--batch", "64", "--out", "o");
    const saved = (name: string): unknown => JSON.parse(place.read(`o/${name}/recipe.json`).toString());
    expect(saved("sr-ste")).toMatchObject({ method, model: recipe.model, batch: 64, data: { train: 256 } });
    expect(saved("dense")).toMatchObject({ method: { name: "dense" }, model: recipe.model, batch: 64 });
  });

  test("runs in plain JavaScript and in WASM too, and says so", async () => {
    for (const [backend, said] of [
      ["js", /^Plain JavaScript on one thread/m],
      ["wasm", /^WASM (relaxed-simd|simd128) on one thread/m],
    ] as const) {
      const place = new Place({ "r.json": recipe });
      const { stdout, stderr } = await place.succeed(...quick, "--backend", backend);
      expect(stderr).toMatch(said);
      expect(stdout).toContain(`Ran on ${backend} `);
    }
  });
});

describe.concurrent("train", () => {
  test("trains a recipe into a folder and prints the result", async () => {
    const place = new Place({ "r.json": { ...recipe, method: { name: "ste", pattern: "1:4" } } });
    const { stdout } = await place.succeed("train", "r.json", "--out", "o", "--seed", "3");
    expect(stdout).toMatch(/│ ste 1:4 /);
    expect(stdout).not.toMatch(/speed-up/i);
    expect(readdirSync(place.at("o")).sort()).toEqual([
      "checkpoint.safetensors",
      "machine.json",
      "masks.safetensors",
      "metrics.jsonl",
      "plan.json",
      "recipe.json",
      "result.json",
      "weights.safetensors",
    ]);
    const { tensors, metadata } = decodeSafetensors(place.read("o/weights.safetensors"), "weights");
    expect(tensors.get("fc1.weight")!.shape).toEqual([32, 784]);
    expect(JSON.parse(metadata.recipe)).toMatchObject({ seed: 3, method: { pattern: "1:4" } });
    const json = await place.succeed("train", "r.json", "--json", "-");
    expect(Object.keys(JSON.parse(json.stdout))).toEqual(["machine", "recipe", "runs"]);
  });

  test.skipIf(nativeInstructionSets().length === 0)(
    "gives the same weights on 1 and 2 threads (needs native kernels)",
    async () => {
      const place = new Place({ "r.json": { ...recipe, model: { name: "mlp", hidden: [256, 64] } } });
      await Promise.all(["1", "2"].map((n) => place.succeed("train", "r.json", "--threads", n, "--out", `o${n}`)));
      expect(place.read("o1/weights.safetensors").equals(place.read("o2/weights.safetensors"))).toBe(true);
    },
  );
});

/** Kills the process a while after it has trained something that `metrics` tells of; or later, or never: chance decides. */
async function kill({ child, ended }: ReturnType<Place["start"]>, metrics: string, delay: number): Promise<Ended> {
  const size = (): number => statSync(metrics, { throwIfNoEntry: false })?.size ?? 0;
  const before = size();
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (size() <= before && !over) await sleep(2);
  await sleep(delay);
  child.kill("SIGKILL");
  return ended;
}

describe.concurrent("resume", () => {
  // chance decides where the process dies, never whether the test passes
  const delays = Array.from({ length: 3 }, () => Math.floor(Math.random() * 200));
  const long = { ...recipe, epochs: 100 };

  test("ends a run that was killed at any moment with the bytes of one that was not", async () => {
    const place = new Place({ "r.json": { ...long, method: { name: "asp" } } });
    const whole = place.succeed("train", "r.json", "--out", "whole");
    await kill(place.start(["train", "r.json", "--out", "o"]), place.at("o/metrics.jsonl"), delays[0]);
    await kill(place.start(["resume", "o"]), place.at("o/metrics.jsonl"), delays[1]);
    await kill(place.start(["resume", "o"]), place.at("o/metrics.jsonl"), delays[2]);
    await Promise.all([whole, place.succeed("resume", "o")]);
    expect(place.read("o/weights.safetensors").equals(place.read("whole/weights.safetensors")), `${delays}`).toBe(true);
    expect(readdirSync(place.at("o")).sort()).toEqual(readdirSync(place.at("whole")).sort());
  });

  test("ends a comparison that was killed at any moment with the bytes of one that was not", async () => {
    const place = new Place({ "r.json": long });
    const whole = place.succeed(...quick, "--out", "whole");
    await kill(place.start([...quick, "--out", "o"]), place.at("o/sr-ste/metrics.jsonl"), delays[1]);
    await kill(place.start(["resume", "o"]), place.at("o/dense/metrics.jsonl"), delays[2]);
    await Promise.all([whole, place.succeed("resume", "o")]);
    for (const method of ["dense", "sr-ste"]) {
      const file = `${method}/weights.safetensors`;
      expect(place.read(`o/${file}`).equals(place.read(`whole/${file}`)), `${delays}`).toBe(true);
    }
  });

  test("clears away what a killed process was writing", async () => {
    const place = new Place({ "r.json": recipe });
    await place.succeed("train", "r.json", "--out", "o");
    const names = readdirSync(place.at("o"));
    writeFileSync(place.at("o/checkpoint.safetensors.123.tmp"), "half of it");
    await place.succeed("resume", "o");
    expect(readdirSync(place.at("o"))).toEqual(names);
  });

  test("of what is finished prints the result again and changes no weight", async () => {
    const place = new Place({ "r.json": recipe });
    const first = JSON.parse((await place.succeed(...quick, "--json", "-", "--out", "o")).stdout) as Comparison;
    const weights = place.read("o/sr-ste/weights.safetensors");
    const again = JSON.parse((await place.succeed("resume", "o", "--json", "-")).stdout) as Comparison;
    expect(again.runs).toEqual(first.runs);
    expect(place.read("o/sr-ste/weights.safetensors").equals(weights)).toBe(true);
    const { stdout } = await place.succeed("resume", "o/sr-ste");
    expect(stdout).toMatch(/│ sr-ste 2:4 /);
  });

  test("that is told to stop says how to go on", async () => {
    const place = new Place({ "r.json": { ...long, epochs: 100_000 } });
    const { child, ended } = place.start(["train", "r.json", "--out", "o"]);
    while (!existsSync(place.at("o/metrics.jsonl"))) await sleep(5);
    child.kill("SIGTERM");
    const { signal, stdout, stderr } = await ended;
    expect([signal, stdout]).toEqual(["SIGTERM", ""]);
    expect(stderr).toMatch(/\nStopped\. Go on with: trisparse resume o\n$/);
  });
});

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
    "an unknown backend": {
      args: ["compare", "--backend", "cuda"],
      code: 2,
      says: "--backend: expected one of native, wasm, js",
    },
    "an unknown route": {
      args: ["explain", "r.json", "--route", "spars"],
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
      args: ["compare", "--train", "200", "--pattern", "3:5"],
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
      args: ["compare", "--train", "100", "--batch", "200"],
      code: 2,
      says: "batch: expected a whole number in 1..100",
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
      files: { "d/a.txt": "short" },
      code: 2,
      says: "text train: expected at least 129 characters, a window of 128 and the one behind it, got 4.",
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

test("a route in the environment that is none is refused before a folder is made", async () => {
  const place = new Place({ "r.json": recipe });
  const before = place.everything();
  const { code, stderr } = await place.start(["train", "r.json"], { TRISPARSE_ROUTE: "fast" }).ended;
  expect([code, stderr]).toEqual([2, expect.stringContaining("TRISPARSE_ROUTE: expected one of auto, sparse, dense")]);
  expect(stderr.trimEnd()).toMatch(FORM);
  expect(place.everything()).toEqual(before);
});

describe.concurrent("a run that fails on its way", () => {
  test("says why and what to do, exits with 1, and leaves a folder that can be resumed", async () => {
    const optimiser = { name: "sgd", rate: 1e30, momentum: 0 };
    const place = new Place({ "r.json": { ...recipe, method: { name: "dense" }, optimiser } });
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

describe.concurrent("explain", () => {
  test("shows each product of each layer with both times and the reason, and measures once", async () => {
    const all = { ...recipe, inputGrad: { name: "double-pruned" }, weightGrad: { name: "mvue", pattern: "2:4v2" } };
    const place = new Place({ "r.json": all });
    const { stdout } = await place.succeed("explain", "r.json");
    expect(stdout).toMatch(/│ fc1.weight │ forward {4}│ weight 2:4 {5}│ (sparse|masked|dense) +│ +\d/);
    expect(stdout).toMatch(/weightGrad │ gradient 2:4v2/);
    expect(stdout).toContain("the last layer stays dense");
    expect(stdout).toMatch(/Ran on (native \w+|wasm simd\d*)/);
    const times = place.read("cache/times.json");
    const { stdout: json } = await place.succeed("explain", "r.json", "--route", "sparse", "--json", "-");
    expect(place.read("cache/times.json").equals(times)).toBe(true);
    const { layers } = JSON.parse(json);
    expect(layers.map(({ name }: { name: string }) => name)).toEqual(["fc1.weight", "fc2.weight", "fc3.weight"]);
    expect(layers[1].routes).toEqual({ forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" });
    expect(layers[1].products.inputGrad).toMatchObject({
      ...{ operand: "weight", method: "double-pruned", pattern: "2:4", reason: "sparse was asked for" },
      ...{ denseMs: expect.any(Number), sparseMs: expect.any(Number) },
    });
  });
});

describe.concurrent("compress", () => {
  const dense = {
    ...recipe,
    ...{ method: { name: "dense" }, optimiser: { name: "sgd", rate: 0.05, schedule: { warmup: 0 } }, batch: 32 },
  };
  const penalty = ["--structure", "row", "--lambda", "0.05", "--learn", "2", "--tune", "1"];

  test("makes a recipe's model smaller, and that of a finished run, which it reads only", async () => {
    const place = new Place({ "r.json": dense });
    const { stdout } = await place.succeed("compress", "r.json", ...penalty, "--out", "small");
    expect(stdout).toMatch(/│ fc1.weight │ 32 x 784 /);
    expect(stdout).toMatch(/On the test split, accuracy %: .* after tuning/);
    expect(readdirSync(place.at("small")).sort()).toEqual(["compressed.json", "recipe.json", "weights.safetensors"]);
    const { hidden } = JSON.parse(place.read("small/recipe.json").toString()).model;
    expect(hidden[0]).toBeLessThan(32);
    const { tensors } = decodeSafetensors(place.read("small/weights.safetensors"), "weights");
    expect(tensors.get("fc1.weight")!.shape).toEqual([hidden[0], 784]);
    await place.succeed("train", "r.json", "--out", "run");
    const weights = place.read("run/weights.safetensors");
    const { stdout: json } = await place.succeed("compress", "run", ...penalty, "--out", "two", "--json", "-");
    expect(JSON.parse(json)).toMatchObject({ numbers: { before: expect.any(Number) }, layers: expect.any(Array) });
    expect(place.read("run/weights.safetensors").equals(weights)).toBe(true);
    // what it wrote is a trained model too
    await place.succeed("compress", "small", ...penalty, "--out", "three");
  });

  test.each([
    [["r.json"], "compress: expected structures to learn away"],
    [["r.json", "--structure", "row"], "--structure and --lambda together"],
    [["r.json", "--structure", "row,column", "--lambda", "1,2,3"], "expected 1 or 2 numbers"],
    [["r.json", "--structure", "rwo", "--lambda", "1"], "expected one of weight, filter"],
    [["r.json", "--structure", "row", "--lambda", "0.01", "--layers", "conv"], "regularise 1: expected a part of"],
    [["r.json", "--structure", "body", "--lambda", "0.01"], "regularise 1: expected residual bodies"],
    [["r.json", "--learn-rate", "2"], "--learn-rate: expected a number above 0, at most 1"],
  ])("refuses %j", async (args, says) => {
    const place = new Place({ "r.json": dense });
    const { code, stderr } = await place.run("compress", ...args, "--out", "o");
    expect(stderr).toContain(says);
    expect(code).toBeGreaterThan(0);
    expect(existsSync(place.at("o"))).toBe(false);
  });
});

describe.concurrent("report", () => {
  test("writes the page of several folders here, prints its path, and with --json the numbers", async () => {
    const place = new Place({ "r.json": recipe });
    const runs = ["1", "2"].map((seed) => place.succeed(...quick, "--seed", seed, "--out", `o${seed}`, "--no-report"));
    await Promise.all(runs);
    expect(existsSync(place.at("o1/report.html"))).toBe(false);
    const several = await place.succeed("report", "o1", "o2", "--json", "j.json");
    expect([several.stdout, several.stderr]).toEqual(["report.html\n", ""]);
    expect(place.read("report.html").toString()).toMatch(/^<!doctype html>.+<\/html>\n$/s);
    const { kinds } = JSON.parse(place.read("j.json").toString());
    expect(kinds.map(({ seeds }: { seeds: number[] }) => seeds)).toEqual([
      [1, 2],
      [1, 2],
    ]);
    const { stdout } = await place.succeed("report", "o1/sr-ste");
    expect(stdout).toBe("o1/sr-ste/report.html\n");
  });
});

describe.concurrent("compare --serve", () => {
  test("shows the report while it trains, to this machine alone, and ends with the training", async () => {
    const place = new Place({ "r.json": { ...recipe, epochs: 100_000 } });
    const { child, ended } = place.start([...quick, "--out", "o", "--serve"]);
    const address = await new Promise<string>((resolve) => {
      let text = "";
      child.stderr!.on("data", (part: string) => {
        text += part;
        const [, found] = /^live: (http:\/\/127\.0\.0\.1:\d+\/)$/m.exec(text) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    let page = "";
    while (!page.includes("Training loss over steps")) {
      page = await (await fetch(address)).text();
      await sleep(100);
    }
    expect(page).toContain('data-live="training"');
    expect((await fetch(`${address}recipe.json`)).status).toBe(404);
    expect((await fetch(address, { method: "POST" })).status).toBe(405);
    child.kill("SIGTERM");
    expect((await ended).signal).toBe("SIGTERM");
  });

  test("refuses a port that is taken, before a folder is made", async () => {
    const place = new Place({ "r.json": recipe });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await place.run(...quick, "--out", "o", "--serve", String(port));
    server.close();
    expect([code, stderr]).toEqual([2, expect.stringContaining(`--serve: expected a port that is free, got ${port}`)]);
    expect(existsSync(place.at("o"))).toBe(false);
  });
});

describe.concurrent("bench", () => {
  test("step times the dense step beside each plan and pattern", async () => {
    const place = new Place();
    const options = ["--models", "mlp", "--batch", "8", "--patterns", "2:4v2", "--rounds", "1"];
    const { stdout } = await place.succeed("bench", "step", ...options, "--json", "-");
    const { machine, cases } = JSON.parse(stdout);
    expect(machine.load).toHaveLength(2);
    expect(cases.map(({ plan }: { plan: string }) => plan)).toEqual(["sr-ste", "fully-sparse"]);
    const numbers = { denseMs: expect.any(Number), sparseMs: expect.any(Number), ratio: expect.any(Number) };
    expect(cases[1]).toMatchObject({ model: "mlp", batch: 8, pattern: "2:4v2", ...numbers });
  });
});

describe.concurrent("help", () => {
  test("is on standard output when asked for, and explains every verb and option", async () => {
    const place = new Place();
    const [all, compare] = await Promise.all([place.succeed("--help"), place.succeed("compare", "--help")]);
    for (const verb of ["compare", "train", "resume", "compress", "report", "explain", "account", "bench"])
      expect(all.stdout).toContain(`\n  ${verb} [options]`);
    for (const option of ["data", "methods", "pattern", "recipe", "out", "threads", "backend", "json"])
      expect(compare.stdout).toContain(`\n  --${option} <`);
    expect(all.stderr + compare.stderr).toBe("");
  });

  test("is on standard error, with exit code 2, for a command line without a verb", async () => {
    const { code, stdout, stderr } = await new Place().run();
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: trisparse/);
  });
});
