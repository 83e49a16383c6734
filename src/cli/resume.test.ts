/** `resume`: a process that dies at any moment. */
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Ended, Place, quick, recipe } from "../../test/command.ts";
import type { Comparison } from "../lab/runs/compare.ts";

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
