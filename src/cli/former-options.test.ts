import { expect, test } from "vitest";
import { withCurrentOptions } from "./former-options.ts";

test("options of 0.1 become those of today, verb by verb, with or without =", () => {
  const told: string[] = [];
  const read = (...words: string[]): string[] => withCurrentOptions(words, (former, now) => told.push(former, now));
  expect(read("compare", "--batch", "64", "--train=100")).toEqual(["compare", "--batch-size", "64", "--limit=100"]);
  expect(read("bench", "step", "--batch", "8")).toEqual(["bench", "step", "--batch-size", "8"]);
  expect(told).toEqual(["--batch", "--batch-size", "--train", "--limit", "--batch", "--batch-size"]);
  // what these verbs never had is theirs to refuse
  for (const words of [["train", "r.json", "--batch", "8"], ["bench", "--train", "8"], ["toString", "--batch"], []])
    expect(read(...words)).toEqual(words);
});
