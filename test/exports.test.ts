/** What the tables have is public: methods, operations and models are exported by the names that their files give them. */
import { expect, test } from "vitest";
import { ops } from "../src/core/autograd/ops/ops.ts";
import * as core from "../src/core/index.ts";
import { activationMethods } from "../src/core/sparsity/methods/activations/methods.ts";
import { inputGradMethods } from "../src/core/sparsity/methods/input-grad/methods.ts";
import { unstructuredMethods } from "../src/core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../src/core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../src/core/sparsity/methods/weights/methods.ts";
import { modelNames } from "../src/lab/recipes/architecture.ts";

const exported = new Set<unknown>(Object.values(core));

test("every method of the tables is exported", () => {
  const all = [
    ...weightMethods,
    ...unstructuredMethods,
    ...activationMethods,
    ...inputGradMethods,
    ...weightGradMethods,
  ];
  expect(all.filter((method) => !exported.has(method)).map(({ name }) => name)).toEqual([]);
});

test("every operation of the table is exported", () => {
  // made of others, for what a model does inside
  const inner = ["batchNormPool", "resizeChannels"];
  const missing = Object.entries(ops).filter(([, operation]) => !exported.has(operation));
  expect(missing.map(([name]) => name).filter((name) => !inner.includes(name))).toEqual([]);
});

test("every model that a recipe can name is exported", () => {
  expect(modelNames.filter((name) => !(name in core))).toEqual([]);
});
