import { expect, test } from "vitest";
import { type ComparedOptions, recipeOf } from "./usual.ts";

test.each<[string, ComparedOptions, object]>([
  ["an MLP on digits", {}, { data: { name: "digits" }, model: { name: "mlp" }, batchSize: 256, epochs: 5 }],
  ["with a tenth of the training images held back", {}, { data: { validation: { fraction: 0.1, stratified: true } } }],
  ["at twice the learning rate of the recipe, for its batch size", {}, { optimizer: { learningRate: 2e-3 } }],
  ["or at that of the options", { lr: 0.01 }, { batchSize: 256, optimizer: { learningRate: 0.01 } }],
  [
    "or at that of the recipe for another batch size",
    { batchSize: 64 },
    { batchSize: 64, optimizer: { learningRate: 1e-3 } },
  ],
  [
    "however that is set",
    { set: [{ key: "batchSize", value: 64 }] },
    { batchSize: 64, optimizer: { learningRate: 1e-3 } },
  ],
  ["with as many images a step as there are", { limit: 100 }, { batchSize: 90, data: { limit: { train: 100 } } }],
  ["another optimizer at its own", { optimizer: "sgd" }, { optimizer: { name: "sgd", learningRate: 0.05 } }],
  ["with its own widths", { set: [{ key: "model.hidden", value: [8] }] }, { model: { hidden: [8] }, batchSize: 256 }],
  [
    "a CNN on CIFAR-10",
    { data: "cifar10" },
    { model: { name: "cnn" }, batchSize: 128, optimizer: { learningRate: 1e-3 } },
  ],
  ["or what is asked for", { data: "cifar10", model: "mlp" }, { model: { name: "mlp" }, batchSize: 256 }],
  ["a GPT on text", { data: "text" }, { model: { name: "gpt" }, batchSize: 32, optimizer: { learningRate: 1e-3 } }],
  ["a detector on scenes, for so many steps", { data: "scenes", steps: 9 }, { model: { name: "detector" }, steps: 9 }],
])("without a recipe compare trains %s", (_, options, recipe) => {
  expect(recipeOf(options)).toMatchObject(recipe);
});
