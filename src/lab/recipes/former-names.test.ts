import { describe, expect, test, vi } from "vitest";
import { currentName, withCurrentNames, withFormerNames } from "./former-names.ts";
import { parseRecipe } from "./recipe.ts";

const former = {
  data: { name: "digits", train: 512, test: 200 },
  model: { name: "mlp", hidden: [32] },
  optimiser: { name: "sgd", rate: 0.05, momentum: 0.5 },
  regularise: [{ structure: "row", lambda: 0.1 }],
  batch: 32,
};
const now = {
  data: { name: "digits", limit: { train: 512, test: 200 } },
  model: { name: "mlp", hidden: [32] },
  optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.5 },
  regularize: [{ structure: "row", lambda: 0.1 }],
  batchSize: 32,
};

describe("a recipe of 0.1", () => {
  test("is read as the same by today's names, with a line on stderr for each key, once a process", () => {
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      expect(parseRecipe(former)).toEqual(parseRecipe(now));
      parseRecipe(former);
      expect(written.mock.calls.map(([line]) => line)).toEqual(
        [
          ["optimiser", "optimizer"],
          ["optimizer.rate", "optimizer.learningRate"],
          ["regularise", "regularize"],
          ["batch", "batchSize"],
          ["data.train", "data.limit.train"],
          ["data.test", "data.limit.test"],
        ].map(([key, name]) => `recipe: the key "${key}" is called "${name}" now. Its former name is still read.\n`),
      );
    } finally {
      written.mockRestore();
    }
  });

  test("may be half renamed: what has today's name counts", () => {
    expect(withCurrentNames({ optimizer: { name: "sgd", rate: 1 }, batch: 2, batchSize: 3 })).toEqual({
      optimizer: { name: "sgd", learningRate: 1 },
      batchSize: 3,
    });
  });
});

test("what has no former name is left as it is", () => {
  for (const value of [now, {}, null, "text", [1], { data: "digits", optimizer: 3 }, { model: { batch: 1, rate: 2 } }])
    expect(withCurrentNames(value)).toBe(value);
});

test("keys that are named one by one have today's names too", () => {
  const names = ["optimiser", "optimiser.rate", "optimizer.rate", "batch", "data.train", "batches", "data.trains"];
  expect(names.map((name) => currentName(name))).toEqual([
    ...["optimizer", "optimizer.learningRate", "optimizer.learningRate", "batchSize", "data.limit.train"],
    ...["batches", "data.trains"],
  ]);
});

test("a recipe can be written with both, and read again", () => {
  const complete = parseRecipe(now);
  const both = withFormerNames(complete);
  expect(both).toMatchObject({ ...now, batch: 32, data: { train: 512 }, optimiser: { rate: 0.05, momentum: 0.5 } });
  expect(withCurrentNames(both)).toEqual(complete);
});
