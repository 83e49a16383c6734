import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { spots as data } from "../../../test/spots.ts";
import { jsKernels } from "../../core/backend/js.ts";
import { withValidation } from "../../core/data/validation.ts";
import { decodeSafetensors } from "../../core/io/safetensors.ts";
import { verifyValues } from "../../core/sparse/mask.ts";
import { parsePattern } from "../../core/sparse/pattern.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { scoreOf } from "../../core/task/evaluate.ts";
import { Device } from "../../core/tensor/device.ts";
import { nativeInstructionSets, nativeKernels } from "../../node/native.ts";
import { parseRecipe, type Recipe, recipeSchema } from "../recipes/recipe.ts";
import {
  comparisonsIn,
  createComparison,
  createComparisonOfSeeds,
  joinComparisons,
  openComparison,
  runComparison,
  withMethod,
} from "./compare.ts";
import { Run } from "./run.ts";
import { RunFolder } from "./run-folder.ts";
import { type Observer, riseOf, trainTogether } from "./together.ts";

const recipe = (method: object = { name: "sr-ste" }, more: object = {}): Recipe =>
  parseRecipe({ model: { name: "mlp", hidden: [16, 8], dropout: 0.1 }, epochs: 3, batchSize: 16, method, ...more });
const device = (): Device => new Device(jsKernels());

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trisparse-train-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (name: string): string => join(folder, name);

/** Stops training as a kill would, after a number of steps. */
class Killed extends Error {}
const killAfter = (steps: number): Observer => {
  let left = steps;
  return {
    onStep: () => {
      if (--left === 0) throw new Killed();
    },
  };
};

async function weightsAfter(path: string, one: Recipe, kills: readonly number[]): Promise<Uint8Array> {
  let run = RunFolder.create(path, one);
  for (const steps of kills) {
    await expect(trainTogether([run], data, device(), killAfter(steps))).rejects.toThrow(Killed);
    run = RunFolder.open(path);
  }
  await trainTogether([run], data, device());
  return readFileSync(join(path, "weights.safetensors"));
}

test("SpRe is refused for a model that has nothing to put a branch beside", () => {
  expect(() => new Run(recipe({ name: "spre" }), data, device())).toThrow(
    /branches of spre: expected a 3x3 convolution with a batch norm behind it, got none. Choose the model cnn or resnet/,
  );
});

describe("a run that was interrupted", () => {
  const methods = [
    ...weightMethods.map(({ name }) => ({ name })),
    { name: "ste", pattern: "1:4v2" },
    ...unstructuredMethods.map(({ name }) => ({ name, every: 2 })),
    { name: "prune", schedule: "iterative", rounds: 2 },
  ];
  test.each(methods)("ends with the bits of one that was not: $name", async (method) => {
    // branches stand beside convolutions
    const one = recipe(method, method.name === "spre" ? { model: { name: "cnn", widths: [4, 8] } } : {});
    const whole = await weightsAfter(at("whole"), one, []);
    // within the first epoch, right after a checkpoint, and across the pruning of ASP
    const killed = await weightsAfter(at("killed"), one, [2, 7, 9]);
    expect(Buffer.from(killed).equals(whole)).toBe(true);
    const lines = (name: string): { step: number; loss: number }[] =>
      readFileSync(join(at(name), "metrics.jsonl"), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    expect(lines("killed").map(({ step, loss }) => [step, loss])).toEqual(
      lines("whole").map(({ step, loss }) => [step, loss]),
    );
    const result = (name: string): { accuracy: number; flipRate: number; sad: number } =>
      JSON.parse(readFileSync(join(at(name), "result.json"), "utf8"));
    for (const key of ["accuracy", "flipRate", "sad"] as const)
      expect(result("killed")[key]).toBe(result("whole")[key]);
  });

  test("with samples of gradients and double-pruned weights too", async () => {
    const one = recipe({ name: "sr-ste" }, { inputGrad: { name: "double-pruned" }, weightGrad: { name: "mvue" } });
    const whole = await weightsAfter(at("whole"), one, []);
    expect(Buffer.from(await weightsAfter(at("killed"), one, [2, 9])).equals(whole)).toBe(true);
  });

  test("goes on with the computed it began with", async () => {
    const run = RunFolder.create(at("run"), recipe());
    const options = { ...killAfter(8), compute: "emulated" } as const;
    await expect(trainTogether([run], data, device(), options)).rejects.toThrow(Killed);
    const [result] = await trainTogether([RunFolder.open(at("run"))], data, device(), { compute: "sparse" });
    expect(result.plan).toEqual({ forward: "emulated", inputGrad: "emulated", weightGrad: "dense" });
    writeFileSync(join(at("run"), "plan.json"), "[1]");
    await expect(trainTogether([RunFolder.open(at("run"))], data, device())).rejects.toThrow(
      /plan.json: expected a plan as train wrote it/,
    );
  });

  test("with SGD and batch norm too", async () => {
    const one = recipe(
      { name: "sr-ste" },
      { model: { name: "cnn", widths: [4, 8] }, optimizer: { name: "sgd", clip: 1 }, epochs: 2 },
    );
    const whole = await weightsAfter(at("whole"), one, []);
    expect(Buffer.from(await weightsAfter(at("killed"), one, [8])).equals(whole)).toBe(true);
  });

  test("with channels put in order before the pruning too", async () => {
    const one = recipe({ name: "asp", permute: "channels" });
    const whole = await weightsAfter(at("whole"), one, []);
    // across the pruning
    expect(Buffer.from(await weightsAfter(at("killed"), one, [8, 3])).equals(whole)).toBe(true);
    expect(Buffer.from(await weightsAfter(at("plain"), recipe({ name: "asp" }), [])).equals(whole)).toBe(false);
  });

  test.each(["obd", "obs"])("with half of the Fisher information that %s scores by", async (score) => {
    // pruned in step 8, by the batches from step 4 on
    const one = recipe({ name: "prune", schedule: "one-shot", from: 0.45, score, fisherSteps: 5 });
    const whole = await weightsAfter(at("whole"), one, []);
    expect(Buffer.from(await weightsAfter(at("killed"), one, [8])).equals(whole)).toBe(true);
  });

  test("with fixed masks of activations, drawn and restored by what is measured", async () => {
    const weightGrad = { name: "restored", restore: "measured", mask: "authors" };
    const one = recipe({ name: "sr-ste" }, { model: { name: "cnn", widths: [4, 8] }, weightGrad, epochs: 2 });
    const whole = await weightsAfter(at("whole"), one, []);
    expect(Buffer.from(await weightsAfter(at("killed"), one, [3, 8])).equals(whole)).toBe(true);
    const { computed } = new Run(one, data, device()).plan[1];
    expect(computed.weightGrad).toBe("sparse");
    const dense = await weightsAfter(at("dense"), { ...one, weightGrad: { name: "dense" } }, []);
    expect(Buffer.from(dense).equals(whole)).toBe(false);
  });

  test("forgets a half-written line of metrics", async () => {
    const run = RunFolder.create(at("run"), recipe());
    await expect(trainTogether([run], data, device(), killAfter(8))).rejects.toThrow(Killed);
    appendFileSync(join(at("run"), "metrics.jsonl"), '{"step":6,"lo');
    const again = RunFolder.open(at("run"));
    await trainTogether([again], data, device());
    expect(again.steps.map(({ step }) => step)).toEqual(Array.from({ length: 18 }, (_, i) => i));
    expect(again.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test("is refused with a damaged checkpoint, which stays as it is", async () => {
    const run = RunFolder.create(at("run"), recipe());
    await expect(trainTogether([run], data, device(), killAfter(8))).rejects.toThrow(Killed);
    const checkpoint = join(at("run"), "checkpoint.safetensors");
    truncateSync(checkpoint, 1000);
    await expect(trainTogether([RunFolder.open(at("run"))], data, device())).rejects.toThrow(
      /safetensors .*checkpoint.safetensors: expected/,
    );
    expect(readFileSync(checkpoint).length).toBe(1000);
  });

  test("is refused with the checkpoint of another recipe", async () => {
    await expect(trainTogether([RunFolder.create(at("a"), recipe())], data, device(), killAfter(8))).rejects.toThrow(
      Killed,
    );
    RunFolder.create(at("b"), recipe({ name: "dense" }, { model: { name: "mlp", hidden: [8, 8] } }));
    writeFileSync(join(at("b"), "checkpoint.safetensors"), readFileSync(join(at("a"), "checkpoint.safetensors")));
    writeFileSync(join(at("b"), "metrics.jsonl"), readFileSync(join(at("a"), "metrics.jsonl")));
    await expect(trainTogether([RunFolder.open(at("b"))], data, device())).rejects.toThrow(
      "Resume with the recipe of this run",
    );
  });
});

describe("a run with phases", () => {
  const phases = { sparseFrom: 0.25, frozenFrom: 0.5, denseFrom: 0.75 };
  const phased = () => recipe({ name: "s-ste", pattern: "2:4" }, { phases, weightGrad: { name: "mvue" } });

  test("is sparse and moves its masks only where it should, and ends as a dense model", async () => {
    const folder = RunFolder.create(at("p"), phased());
    const [result] = await trainTogether([folder], data, device());
    const share = (from: number, to: number) =>
      folder.steps.slice(Math.round(from * folder.steps.length), Math.round(to * folder.steps.length));
    expect(new Set(share(0, 0.25).map(({ pruned }) => pruned))).toEqual(new Set([false]));
    expect(new Set(share(0.25, 0.75).map(({ pruned }) => pruned))).toEqual(new Set([true]));
    expect(new Set(share(0.75, 1).map(({ pruned }) => pruned))).toEqual(new Set([false]));
    const flips = (steps: typeof folder.steps): number => steps.reduce((sum, step) => sum + step.flips, 0);
    expect(flips(share(0.25, 0.5))).toBeGreaterThan(0);
    expect(flips(share(0.5, 0.75))).toBe(0);
    expect(result.verified).toEqual([]);
    expect(result.sparsity).toBe(0);
  });

  test.each([3, 7, 11, 15])("goes on with the same bits after a kill at step %i", async (step) => {
    const whole = RunFolder.create(at("w"), phased());
    await trainTogether([whole], data, device());
    await expect(trainTogether([RunFolder.create(at("k"), phased())], data, device(), killAfter(step))).rejects.toThrow(
      Killed,
    );
    const killed = RunFolder.open(at("k"));
    await trainTogether([killed], data, device());
    expect(readFileSync(join(at("k"), "weights.safetensors"))).toEqual(
      readFileSync(join(at("w"), "weights.safetensors")),
    );
  });
});

describe("channels put in order before a pruning", () => {
  test("leave the run as it was until then, and more of its weights is kept", () => {
    const more = { model: { name: "mlp", hidden: [32, 16] } };
    const [plain, permuted] = ["none", "channels"].map(
      (permute) => new Run(recipe({ name: "asp", pruneAt: 0.5, permute }, more), data, device()),
    );
    const losses = (run: Run): number => {
      while (run.step < 9) run.advance();
      const { loss } = run.evaluate();
      run.advance();
      return loss;
    };
    expect(losses(plain)).toBe(losses(permuted));
    const searched = permuted.permuted.filter(({ found }) => found !== null);
    expect(searched.map(({ layers }) => layers)).toEqual([["fc2.weight"]]);
    expect(searched[0].found!.after).toBeGreaterThan(searched[0].found!.before);
    const norm = (run: Run): number =>
      (run.trainedWeights().get("fc2.weight")!.data as Float32Array).reduce((sum, value) => sum + Math.abs(value), 0);
    expect(norm(permuted)).toBeGreaterThan(norm(plain));
    expect(permuted.session.verify().checked.every(({ ok }) => ok)).toBe(true);
  });
});

describe("a comparison", () => {
  test("trains every method, verifies masks, and orders their movement", async () => {
    const methods = [{ name: "dense" }, { name: "asp" }, { name: "sr-ste", lambda: 0.05 }, { name: "ste" }];
    createComparison(
      at("c"),
      methods.map((method) =>
        withMethod(recipe(undefined, { epochs: 8, optimizer: { name: "sgd", learningRate: 0.1 } }), method),
      ),
    );
    const { runs } = await runComparison(at("c"), data, device());
    expect(runs.map(({ method }) => method)).toEqual(["dense", "asp", "sr-ste", "ste"]);
    const [dense, asp, srSte, ste] = runs;
    for (const run of [asp, srSte, ste]) {
      expect(run.verified.map(({ ok }) => ok)).toEqual([true, true]);
      expect(run.speedUp?.median).toBeGreaterThan(0);
      expect(run.weightBytes.packed).toBeLessThan(run.weightBytes.dense);
      expect(run.plan).toEqual({ forward: "sparse", inputGrad: "emulated", weightGrad: "dense" });
    }
    expect(dense.weightBytes.packed).toBe(dense.weightBytes.dense);
    expect(scoreOf(dense)).toBeGreaterThan(80);
    expect(asp.sad).toBe(0);
    expect(srSte.sad).toBeLessThan(ste.sad);
    expect(srSte.flipRate).toBeLessThan(ste.flipRate);
  });

  test("that was killed goes on, also where methods stand at different steps", async () => {
    const methods = [{ name: "dense" }, { name: "ste" }];
    createComparison(
      at("whole"),
      methods.map((method) => withMethod(recipe(), method)),
    );
    const whole = await runComparison(at("whole"), data, device());
    createComparison(
      at("killed"),
      methods.map((method) => withMethod(recipe(), method)),
    );
    await expect(runComparison(at("killed"), data, device(), killAfter(13))).rejects.toThrow(Killed);
    const killed = await runComparison(at("killed"), data, device());
    expect(killed.runs.map(({ loss }) => loss)).toEqual(whole.runs.map(({ loss }) => loss));
  });

  test("does not write into a folder that holds files", () => {
    createComparison(at("c"), [recipe()]);
    expect(() => createComparison(at("c"), [recipe()])).toThrow("go on with: trisparse resume");
    expect(() => RunFolder.create(at("c"), recipe())).toThrow("not to exist yet");
  });
});

describe("a comparison over seeds", () => {
  const base = recipe({ name: "dense" }, { epochs: 1, data: { validation: {} } });
  const held = withValidation(data, { fraction: 0.25 });
  // a third more steps, as after a fit to equal time
  const bySeed = [1, 2].map((seed) => [
    { ...withMethod(base, { name: "dense" }), seed, epochs: undefined, steps: 9 } as unknown as Recipe,
    { ...withMethod(base, { name: "ste", pattern: "2:4" }), seed, epochs: undefined, steps: 12 } as unknown as Recipe,
  ]);

  test("holds one of each seed, and its result has all runs with their seeds and steps", async () => {
    createComparisonOfSeeds(at("c"), bySeed, "time");
    expect(comparisonsIn(at("c"))).toEqual([at("c/seed-1"), at("c/seed-2")]);
    const found = [];
    for (const one of comparisonsIn(at("c"))) found.push(await runComparison(one, held, device()));
    const whole = joinComparisons(at("c"), found);
    expect(whole.runs.map(({ seed, steps }) => [seed, steps])).toEqual([
      [1, 9],
      [1, 12],
      [2, 9],
      [2, 12],
    ]);
    expect(whole).toMatchObject({ seeds: [1, 2], equal: "time", verdict: { best: 1 } });
    expect(whole.methods[1].losses).toEqual([found[0].runs[1].loss, found[1].runs[1].loss]);
    expect(JSON.parse(readFileSync(at("c/result.json"), "utf8")).methods).toHaveLength(2);
    expect(openComparison(at("c"))).toHaveLength(4);
  });

  test("validates after each epoch and looks at the test split once, at the end", async () => {
    createComparison(at("c"), bySeed[0]);
    const { runs } = await runComparison(at("c"), held, device());
    const { epochs } = ((folder) => {
      folder.resume(new Run(folder.recipe, held, device()));
      return folder;
    })(openComparison(at("c"))[1]);
    expect(epochs.length).toBeGreaterThan(1);
    for (const { validation } of epochs) expect(validation).toBeDefined();
    expect(epochs.map(({ test: seen }) => seen !== undefined)).toEqual(epochs.map((_, i) => i === epochs.length - 1));
    expect(runs[1].validation).toEqual(epochs.at(-1)!.validation);
    expect(runs[1].loss).toBe(epochs.at(-1)!.test!.loss);
  });

  test("takes turns by shares of the way, and ends after a kill with the same bits", async () => {
    createComparison(at("whole"), bySeed[0]);
    const turns: number[] = [];
    await runComparison(at("whole"), held, device(), { onStep: (run) => turns.push(run) });
    // in every round of four the run of a third more steps has one turn more
    expect(turns.slice(0, 7)).toEqual([0, 1, 1, 0, 1, 0, 1]);
    expect(turns.filter((run) => run === 1)).toHaveLength(12);
    createComparison(at("killed"), bySeed[0]);
    await expect(runComparison(at("killed"), held, device(), killAfter(11))).rejects.toThrow(Killed);
    await runComparison(at("killed"), held, device());
    for (const name of ["dense", "ste"]) {
      const weights = (path: string): Buffer => readFileSync(at(`${path}/${name}/weights.safetensors`));
      expect(weights("killed").equals(weights("whole"))).toBe(true);
    }
  });
});

describe("a run that keeps its best weights", () => {
  const held = withValidation(data, { fraction: 0.25 });
  // a rate at which the loss goes down, then up
  const best = (): Recipe =>
    recipe(
      { name: "ste" },
      {
        keep: "best",
        epochs: 6,
        data: { validation: {} },
        optimizer: { name: "sgd", learningRate: 0.9, momentum: 0.95 },
      },
    );

  const ended = async (name: string, kills: readonly number[]): Promise<Buffer> => {
    let run = RunFolder.create(at(name), best());
    for (const steps of kills) {
      await expect(trainTogether([run], held, device(), killAfter(steps))).rejects.toThrow(Killed);
      run = RunFolder.open(at(name));
    }
    await trainTogether([run], held, device());
    return readFileSync(at(`${name}/weights.safetensors`));
  };

  test("ends with those of the least loss on the validation split, and tests these", async () => {
    const folder = RunFolder.create(at("r"), best());
    const [result] = await trainTogether([folder], held, device());
    const losses = folder.epochs.map(({ validation }) => validation!.loss);
    const least = losses.indexOf(Math.min(...losses));
    expect(least).toBeLessThan(losses.length - 1);
    expect(result).toMatchObject({ keptStep: folder.epochs[least].step, validation: folder.epochs[least].validation });
    const again = new Run(best(), held, device());
    while (again.step < result.keptStep!) again.advance();
    expect(again.evaluate("validation")).toEqual(result.validation);
    expect(result.loss).toBe(again.evaluate("test").loss);
    const kept = decodeSafetensors(readFileSync(at("r/weights.safetensors")), "kept").tensors;
    for (const [name, { data: values }] of again.trainedWeights()) expect(kept.get(name)!.data).toEqual(values);
    expect(existsSync(at("r/best.safetensors"))).toBe(false);
  });

  test("does so after kills too, with the same bits", async () => {
    const whole = await ended("whole", []);
    // right after an epoch, within one, and in the last
    expect((await ended("killed", [5, 12, 9])).equals(whole)).toBe(true);
  });

  test("still has them where a kill comes between the last evaluation and its checkpoint", async () => {
    const whole = await ended("whole", []);
    const stop: Observer = {
      onEpoch: (_, { test: seen }) => {
        if (seen !== undefined) throw new Killed();
      },
    };
    const run = RunFolder.create(at("last"), best());
    await expect(trainTogether([run], held, device(), stop)).rejects.toThrow(Killed);
    await trainTogether([RunFolder.open(at("last"))], held, device());
    expect(readFileSync(at("last/weights.safetensors")).equals(whole)).toBe(true);
    expect(existsSync(at("last/best.safetensors"))).toBe(false);
  });

  test("needs a validation split", () => {
    expect(() => recipe({ name: "ste" }, { keep: "best" })).toThrow('expected data.validation beside "best"');
  });
});

describe("the weights that a run leaves", () => {
  test("are N:M in the file itself", async () => {
    await trainTogether([RunFolder.create(at("run"), recipe())], data, device());
    const { tensors, metadata } = decodeSafetensors(readFileSync(join(at("run"), "weights.safetensors")), "weights");
    const { shape, data: values } = tensors.get("fc1.weight")!;
    expect(verifyValues(values as Float32Array, shape[0], shape[1], parsePattern("2:4")).ok).toBe(true);
    expect(JSON.parse(metadata.recipe)).toEqual(recipe());
  });
});

describe("a loss that is not finite", () => {
  test("ends the run with what to do; the checkpoint before it is intact", async () => {
    const run = RunFolder.create(
      at("run"),
      recipe({ name: "dense" }, { optimizer: { name: "sgd", learningRate: 1e30, momentum: 0 } }),
    );
    await expect(trainTogether([run], data, device())).rejects.toThrow(
      /training with dense, step \d+: expected a finite loss, got NaN\. Lower the learning rate/,
    );
    const { metadata } = decodeSafetensors(readFileSync(join(at("run"), "checkpoint.safetensors")), "checkpoint");
    expect(metadata.step).toBe("0");
    expect(existsSync(join(at("run"), "weights.safetensors"))).toBe(false);
  });

  test("is found at once when a weight is NaN, ReLU or not", () => {
    const run = new Run(recipe({ name: "dense" }), data, device());
    run.model.namedParameters().get("fc1.weight")!.data[0] = Number.NaN;
    expect(() => run.advance()).toThrow("expected a finite loss, got NaN");
  });
});

describe("a run whose loss goes up", () => {
  test("says so in its result, and a run whose loss goes down does not", async () => {
    const results = async (name: string, learningRate: number) =>
      trainTogether(
        [RunFolder.create(at(name), recipe({ name: "step" }, { optimizer: { name: "adamw", learningRate } }))],
        data,
        device(),
      );
    const [[{ rose }], [calm]] = [await results("high", 100), await results("low", 1e-3)];
    expect(rose?.to).toBeGreaterThan(2 * (rose?.from ?? Number.NaN));
    expect(calm).not.toHaveProperty("rose");
  });

  test("is told by its last tenth, not by one bad step", () => {
    const flat = Array.from({ length: 30 }, () => 2);
    expect(riseOf([...flat.slice(1), 9])).toBeUndefined();
    expect(riseOf([...flat.slice(3), 9, 9, 9])).toEqual({ from: 2, to: 9 });
    expect(riseOf([2])).toBeUndefined();
  });
});

describe.skipIf(nativeInstructionSets().length === 0)("threads", () => {
  test("1, 2 and 4 give the same weights, bit for bit", () => {
    const trained = [1, 2, 4].map((threads) => {
      const one = recipe({ name: "sr-ste" }, { model: { name: "cnn", widths: [16, 32] }, epochs: 2 });
      const run = new Run(one, data, new Device(nativeKernels(threads)));
      while (!run.done) run.advance();
      return [...run.state()].map(([name, { data: values }]) => [
        name,
        Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex"),
      ]);
    });
    nativeKernels(1);
    expect(trained[1]).toEqual(trained[0]);
    expect(trained[2]).toEqual(trained[0]);
  });

  test("the sparse route runs on the sparse kernel: half of the multiply-adds of its forward", () => {
    const one = { model: { name: "mlp", hidden: [16] } };
    const count = (method: object): number => {
      const kernels = nativeKernels(1);
      const run = new Run(recipe(method, one), data, new Device(kernels));
      const before = kernels.multiplies();
      run.advance();
      return kernels.multiplies() - before;
    };
    const saved = (16 * 16 * 16) / 2;
    expect(count({ name: "dense" }) - count({ name: "ste" })).toBe(saved);
  });
});

describe("recipes", () => {
  test("fill in their defaults", () => {
    expect(parseRecipe({})).toMatchObject({
      data: { name: "digits" },
      model: { name: "mlp", hidden: [1024, 1024] },
      method: { name: "sr-ste", pattern: "2:4", lambda: 2e-4 },
      epochs: 5,
    });
  });

  test.each([
    [{ epoch: 3 }, 'unknown key "epoch" (perhaps you mean "epochs")'],
    [
      { method: { name: "srste" } },
      `method.name: expected one of ${[...weightMethods, ...unstructuredMethods].map(({ name }) => name).join(", ")}, got "srste" (perhaps you mean "sr-ste")`,
    ],
    [{ method: { name: "asp", prunAt: 1 } }, 'method: unknown key "prunAt" (perhaps you mean "pruneAt")'],
    [{ method: { name: "dense", pattern: "2:4" } }, 'method: unknown key "pattern"'],
    [
      { method: { name: "ste", pattern: "4:2" } },
      'method.pattern: expected N:M or N:MvV with 1 <= N < M <= 16 and V of 1, 2, 4, got "4:2". Correct these keys.',
    ],
    [{ method: { name: "rigl", pattern: "2:4" } }, 'method: unknown key "pattern"'],
    [
      { method: { name: "rigl" }, phases: { sparseFrom: 0.1 } },
      "phases: expected none beside a method without a pattern, which has its own",
    ],
    [{ layers: { fc1: { method: { name: "rigl" } } } }, "layers.fc1.method.name: "],
    [{ model: { name: "mlp", hidden: [0] } }, "model.hidden.0: expected a number of 1 or more, got 0"],
    [{ data: { name: "mnst" } }, '(perhaps you mean "mnist")'],
    [{ optimizer: { name: "adamw", learningRate: -1 } }, "optimizer.learningRate: expected a number above 0, got -1"],
    [[], "the recipe: expected an object"],
    [null, "the recipe: expected an object"],
  ])("%j is refused by name", (value, message) => {
    expect(() => parseRecipe(value, "x.json")).toThrow(message);
    expect(() => parseRecipe(value, "x.json")).toThrow(/^x.json: expected a recipe/);
  });

  test("have a JSON schema that knows every method and its numbers", () => {
    const text = JSON.stringify(recipeSchema());
    for (const word of ["sr-ste", "lambda", "pruneAt", "resnet", "fashion-mnist", "warmup"])
      expect(text).toContain(word);
  });
});
