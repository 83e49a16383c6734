import { expect, test } from "vitest";
import { withCurrentOptions } from "./former-options.ts";

test("options of 0.1 become those of today, verb by verb, with or without =", () => {
  const told: string[] = [];
  const read = (...words: string[]): string[] => withCurrentOptions(words, (former, now) => told.push(former, now));
  expect(read("compare", "--batch", "64", "--train=100")).toEqual(["compare", "--batch-size", "64", "--limit=100"]);
  expect(read("bench", "step", "--batch", "8")).toEqual(["bench", "step", "--batch-size", "8"]);
  expect(told).toEqual(["--batch", "--batch-size", "--train", "--limit", "--batch", "--batch-size"]);
  expect(read("train", "r.json", "--route", "dense", "--seed", "1")).toEqual([
    ...["train", "r.json", "--compute", "emulated", "--seed", "1"],
  ]);
  expect(read("explain", "r.json", "--route=dense")).toEqual(["explain", "r.json", "--compute=emulated"]);
  expect(read("bench", "step", "--route", "auto")).toEqual(["bench", "step", "--compute", "auto"]);
  // what these verbs never had is theirs to refuse
  for (const words of [["train", "r.json", "--batch", "8"], ["bench", "--train", "8"], ["toString", "--batch"], []])
    expect(read(...words)).toEqual(words);
});
