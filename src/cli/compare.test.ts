/** `compare`, and `compare --serve`. */
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Place, quick, recipe } from "../../test/command.ts";
import type { Comparison } from "../lab/runs/compare.ts";

describe.concurrent("compare", () => {
  test("shows the dense row first, whatever the order asked for, and where it ran", async () => {
    const place = new Place({ "r.json": recipe });
    const asked = ["compare", "--recipe", "r.json", "--methods", "ste,dense", "--threads", "1"];
    const { stdout, stderr } = await place.succeed(...asked, "--seeds", "1", "--equal", "steps", "--details");
    const rows = stdout.split("\n").filter((line) => /^│ (dense|ste 2:4) /.test(line));
    expect(rows.map((row) => row.split(/[ │]+/)[1])).toEqual(Array.from({ length: 5 }, () => ["dense", "ste"]).flat());
    expect(stdout).toMatch(/Ran on (native \w+|wasm \S+) in f32, 1 thread, under a load of/);
    expect(stdout).toMatch(/2 of 2 │\n.*\n.*groups run along\ninputs/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(stderr).toMatch(
      /on one thread: .*\ndigits: 461 training, 51 validation, 200 test images; runs in (runs\/[\d-]+)\nreport: \1\/report\.html\n$/,
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
    expect(Object.keys(json)).toEqual([
      ...["schemaVersion", "machine", "data", "model", "epochs", "seed", "recipe", "search", "runs"],
      ...["seeds", "equal", "methods", "verdict"],
    ]);
    // beside today's keys of the recipe those of 0.1
    expect(json.recipe).toMatchObject({
      ...{ batchSize: 128, batch: 128, data: { limit: { train: 512, test: 200 }, train: 512, test: 200 } },
      ...{ optimizer: { learningRate: 1e-3, rate: 1e-3 }, optimiser: { name: "adamw", rate: 1e-3 } },
    });
    expect(json).toMatchObject({ data: "digits", model: "mlp", epochs: 1, seed: 7 });
    expect(Object.keys(json.machine)).toEqual([
      "cpu",
      "cores",
      "node",
      "backend",
      "instructionSet",
      "threads",
      "precision",
      "load",
    ]);
    expect(json.runs.map(({ method }) => method)).toEqual(["dense", "sr-ste"]);
    const wanted = {
      plan: { forward: "sparse", inputGrad: "emulated", weightGrad: "dense" },
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
        ...{ steps: 3, batchSize: 4 },
      },
      "d/short.txt": "to be or not to be, that is the question. ".repeat(10),
    });
    const { stdout, stderr } = await place.succeed(...quick, "--data-dir", "d", "--json", "j.json");
    expect(stderr).toContain("text: 340 training, 38 validation, 42 test characters, 15 different; runs in");
    expect(stdout).toMatch(/│ method .*│ bits\/char │/);
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
    expect(stdout).toMatch(/^Undecided: one seed cannot tell [^┌]*\n┌/);
    expect((JSON.parse(place.read("new/r.json").toString()) as Comparison).runs).toHaveLength(2);
    expect(readdirSync(place.at("new"))).toEqual(["r.json"]);
  });

  test("takes widths, pattern and the method's numbers from the recipe, and options over all of it", async () => {
    const method = { name: "sr-ste", lambda: 0.5, pattern: "1:4" };
    const place = new Place({ "r.json": { ...recipe, method } });
    await place.succeed(...quick, "--model", "mlp", "--limit", "256", "--batch-size", "64", "--out", "o");
    const saved = (name: string): unknown => JSON.parse(place.read(`o/${name}/recipe.json`).toString());
    expect(saved("sr-ste")).toMatchObject({
      method,
      model: recipe.model,
      batchSize: 64,
      data: { limit: { train: 256 } },
    });
    expect(saved("dense")).toMatchObject({ method: { name: "dense" }, model: recipe.model, batchSize: 64 });
  });

  test("ends with one sentence and one table over its seeds, and goes on after a kill", async () => {
    const place = new Place({ "r.json": { ...recipe, epochs: 2 } });
    const asked = ["compare", "--recipe", "r.json", "--methods", "dense,ste", "--seeds", "2", "--seed", "4"];
    const { stdout, stderr } = await place.succeed(...asked, "--out", "o", "--threads", "1");
    expect(stderr).toMatch(/steps that take equal time: dense 6, ste 2:4 \d+\n/);
    expect(stderr).toMatch(/seed 4, 1 of 2\nseed 5, 2 of 2\n/);
    expect(stdout).toMatch(/^(Undecided: on|On) this machine, after equal time, .*\(95 %,\s2 seeds\)\.[^┌]*\n┌/s);
    expect(stdout.match(/┌/g)).toHaveLength(1);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(readdirSync(place.at("o")).sort()).toEqual([
      "compare.json",
      "report.html",
      "result.json",
      "seed-4",
      "seed-5",
    ]);
    const whole = JSON.parse(place.read("o/result.json").toString()) as Comparison;
    expect(whole).toMatchObject({ seeds: [4, 5], equal: "time" });
    expect(whole.runs.map(({ seed, method }) => [seed, method])).toEqual([
      [4, "dense"],
      [4, "ste"],
      [5, "dense"],
      [5, "ste"],
    ]);
    const before = place.read("o/seed-5/ste/weights.safetensors");
    rmSync(place.at("o/seed-5/ste"), { recursive: true });
    cpSync(place.at("o/seed-4/ste"), place.at("o/seed-5/ste"), { recursive: true });
    for (const name of ["checkpoint.safetensors", "metrics.jsonl", "weights.safetensors", "result.json"])
      rmSync(place.at(`o/seed-5/ste/${name}`), { force: true });
    const own = JSON.parse(place.read("o/seed-4/ste/recipe.json").toString());
    writeFileSync(place.at("o/seed-5/ste/recipe.json"), JSON.stringify({ ...own, seed: 5 }));
    await place.succeed("resume", "o", "--threads", "1");
    expect(place.read("o/seed-5/ste/weights.safetensors").equals(before)).toBe(true);
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
