/** How products are computed, which measured times may decide, changes no bit of a training. */
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { makeDigits } from "../../lab/data/digits.ts";
import { parseRecipe } from "../../lab/recipes/recipe.ts";
import { Run } from "../../lab/runs/run.ts";
import type { PlanOptions } from "../../lab/runs/setup.ts";
import { addonPath, nativeKernels } from "../../node/native.ts";
import { openWasm } from "../../node/wasm.ts";
import type { Kernels } from "../backend/kernels.ts";
import { stateOf } from "../nn/state.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { strategies } from "./methods/strategies.ts";
import { weightMethods } from "./methods/weights/methods.ts";
import type { ProductTimes } from "./plan.ts";

const data = makeDigits({ limit: { train: 256, test: 32 } });
const models = {
  // more inputs than a block of the dense kernels, few samples, and layers that fill no vector
  mlp: { model: { name: "mlp", hidden: [36, 20] }, batchSize: 12, steps: 12 },
  resnet: { model: { name: "resnet", depth: 8, widths: [4, 8, 8] }, batchSize: 4, steps: 3 },
};

/** Times by chance: what a cache, a load or another machine may say. */
function anyTimes(seed: number): PlanOptions {
  const random = new Random(seed);
  const times = (): ProductTimes => {
    const [dense, sparse, emulated] = [random.uniform(), random.uniform(), random.uniform()];
    return { dense, sparse, sparseAndCopy: sparse, emulated };
  };
  return { compute: "auto", dispatcher: { times } };
}

/** Losses, weights and masks of a whole training, and how its products were computed. */
function trained(recipe: object, kernels: Kernels, options: PlanOptions) {
  const run = new Run(parseRecipe(recipe), data, new Device(kernels), options);
  const losses: number[] = [];
  while (!run.done) losses.push(run.advance().loss);
  const bits = new Map<string, unknown>(losses.map((loss, i) => [`loss ${i}`, loss]));
  for (const [name, { data }] of stateOf(run.model)) bits.set(name, data);
  for (const [name, { data }] of run.session.checkpoint()) bits.set(name, data);
  const computed = run.plan.flatMap(({ computed }) => Object.values(computed)).join();
  return { bits, computed, coverage: run.session.coverage() };
}

const backends: Record<string, readonly (() => Kernels)[]> = {
  native: [() => nativeKernels(1), () => nativeKernels(2)],
  wasm: [() => openWasm()],
};

for (const [backend, opens] of Object.entries(backends)) {
  // without a compiler there is no addon
  describe.skipIf(backend === "native" && !existsSync(addonPath()))(`on ${backend}`, () => {
    const [open] = opens;
    for (const [model, base] of Object.entries(models)) {
      test.each(strategies.map(({ name }) => name))(`the strategy %s trains ${model} to the same bits`, (name) => {
        const recipe = { ...base, strategy: { name, pattern: "2:4" } };
        const sparse = trained(recipe, open(), { compute: "sparse" });
        const emulated = trained(recipe, open(), { compute: "emulated" });
        expect(sparse.computed).not.toBe(emulated.computed);
        expect(emulated.computed).not.toContain("sparse");
        expect(emulated.coverage).toEqual(sparse.coverage);
        expect(emulated.bits).toEqual(sparse.bits);
      });
    }

    test.each(weightMethods.filter(({ sparse }) => sparse).map(({ name }) => name))(
      "the method %s trains to the same bits, whatever times say",
      (name) => {
        const { model, batchSize } = models[name === "spre" ? "resnet" : "mlp"];
        const recipe = { model, batchSize, steps: 4, method: { name }, inputGrad: { name: "double-pruned" } };
        const plans = [anyTimes(1), anyTimes(2)].map((options) => trained(recipe, open(), options));
        expect(new Set(plans.map(({ computed }) => computed)).size).toBe(2);
        expect(plans[1].bits).toEqual(plans[0].bits);
      },
    );

    test("five caches that say five things, on one thread and two, give one network", () => {
      const recipe = { ...models.mlp, strategy: { name: "fully-sparse", pattern: "2:4v2" } };
      const runs = [1, 2, 3, 4, 5].flatMap((seed) =>
        opens.map((openOne) => trained(recipe, openOne(), anyTimes(seed))),
      );
      expect(new Set(runs.map(({ computed }) => computed)).size).toBeGreaterThan(3);
      for (const run of runs) expect(run.bits).toEqual(runs[0].bits);
    });
  });
}

test("no operand is packed for a product that is never computed", () => {
  const packed: string[] = [];
  const own = openWasm();
  const kernels: Kernels = {
    ...own,
    pruneColumns: (...given) => {
      packed.push(`${given[4]} rows`);
      own.pruneColumns(...given);
    },
  };
  const recipe = { ...models.mlp, steps: 1, method: { name: "ste" }, inputGrad: { name: "double-pruned" } };
  const { computed } = trained(recipe, kernels, { compute: "sparse" });
  // the gradient of the model's input is not computed, so the first weight has no transpose
  expect(computed.startsWith("sparse,emulated,")).toBe(true);
  expect(packed).toEqual(["36 rows"]);
});
