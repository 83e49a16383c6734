import { describe, expect, test } from "vitest";
import { loadState, stateOf, valuesOf } from "../../core/nn/state.ts";
import { Random } from "../../core/random.ts";
import { tensor } from "../../core/tensor/tensor.ts";
import { openDeviceSync } from "../../node/open-device.ts";
import { loadData } from "../data/sources.ts";
import { buildModel } from "../recipes/architecture.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { compressText } from "../report/compress-table.ts";
import { Run } from "../runs/run.ts";
import { compress } from "./compress.ts";

const device = openDeviceSync({ threads: 1 });
const data = await loadData("digits", { seed: 1, limit: { train: 512, test: 64 } });
const recipe = (changes: object): ReturnType<typeof parseRecipe> =>
  parseRecipe({
    ...{ data: { name: "digits" }, model: { name: "mlp", hidden: [48, 32] }, method: { name: "dense" } },
    ...{ optimizer: { name: "sgd", learningRate: 0.05, schedule: { warmup: 0 } }, batchSize: 32, epochs: 3 },
    ...changes,
  });
const rows = [{ structure: "row", lambda: 0.04 }];

describe("penalties of a recipe", () => {
  const zeroRows = (run: Run, name: string): number[] => {
    const { data, shape } = valuesOf(run.model).get(name)!;
    const k = shape[1];
    return Array.from({ length: shape[0] }, (_, row) => row).filter((row) =>
      data.subarray(row * k, (row + 1) * k).every((x) => x === 0),
    );
  };

  test.each(["proximal", "subgradient"])("act between sparseFrom and frozenFrom, then zeros stay: %s", (form) => {
    const phases = { sparseFrom: 0.25, frozenFrom: 0.75 };
    const [lambda, momentum] = form === "proximal" ? [0.02, 0.9] : [0.055, 0];
    const optimizer = { name: "sgd", learningRate: 0.05, momentum, schedule: { name: "constant", warmup: 0 } };
    const regularize = [{ structure: "row", lambda, form }];
    const run = new Run(recipe({ optimizer, regularize, phases, epochs: undefined, steps: 600 }), data, device);
    const zeros: number[][] = [];
    while (!run.done) {
      run.advance();
      zeros.push(zeroRows(run, "fc1.weight"));
    }
    expect(zeros[149]).toEqual([]);
    expect(zeros[449].length).toBeGreaterThan(0);
    expect(zeros[599]).toEqual(zeros[449]);
    // the last layer is that of skip
    expect(zeroRows(run, "fc3.weight")).toEqual([]);
  });

  test("name layers that are there, and structures", () => {
    const named = (regularize: object[]): Run => new Run(recipe({ regularize }), data, device);
    expect(() => named([{ structure: "row", lambda: 1, layers: "conv" }])).toThrow(
      "regularize 1: expected a part of fc1",
    );
    expect(() => named([{ structure: "fiter", lambda: 1 }])).toThrow("expected one of weight, filter");
    expect(() => named([{ structure: "weight", lambda: 1, smallest: 0.5 }])).toThrow(
      "regularize 1: expected groups of weights for smallest, got weight.",
    );
    expect(() => named([{ structure: "body", lambda: 1 }])).toThrow(
      "expected residual bodies that end in a batch norm",
    );
  });

  test.each([
    [10, { structure: "row", smallest: 0.5 }],
    [10, { structure: "row", smallest: 0.5, lambda: 0.02 }],
    [27, { structure: "row", smallest: 0.5 }],
    [10, { structure: "layer", smallest: 0.5 }],
  ])("of the smallest groups go on after step %i as without an interruption: %j", (at, penalty) => {
    const phases = { sparseFrom: 0.1, frozenFrom: 0.8 };
    const regularize = [penalty, { ...penalty, structure: "column", layers: "fc2" }];
    const make = (): Run => new Run(recipe({ regularize, phases, steps: 30, epochs: undefined }), data, device);
    const [whole, first, second] = [make(), make(), make()];
    while (!whole.done) whole.advance();
    while (first.step < at) first.advance();
    second.restore(first.state(), at);
    while (!second.done) second.advance();
    expect(stateOf(second.model)).toEqual(stateOf(whole.model));
    const gone = ["fc1.weight", "fc2.weight"].some((name) => zeroRows(whole, name).length > 0);
    expect(gone).toBe(!("lambda" in penalty));
  });

  test("leave a run without them as it was", () => {
    const plain = new Run(recipe({ steps: 3, epochs: undefined }), data, device);
    const empty = new Run(recipe({ steps: 3, epochs: undefined, regularize: [] }), data, device);
    for (const run of [plain, empty]) while (!run.done) run.advance();
    expect(stateOf(empty.model)).toEqual(stateOf(plain.model));
  });
});

describe("compress", () => {
  const done = compress(recipe({ regularize: rows }), data, device, { learn: 2, tune: 1 });

  test("removes what became zero: the products shrink by the ratio that the sizes say", () => {
    const [fc1, fc2, fc3] = done.layers;
    const [h1, h2] = [fc1.shape.after![0], fc2.shape.after![0]];
    expect(h1 + h2).toBeLessThan(80);
    expect(done.recipe.model).toMatchObject({ name: "mlp", hidden: [h1, h2] });
    const inputs = fc1.shape.after![1];
    const ratios = [(h1 * inputs) / (48 * 784), (h2 * h1) / (32 * 48), h2 / 32];
    [fc1, fc2, fc3].forEach(({ multiplyAdds }, i) => {
      expect(multiplyAdds.after / multiplyAdds.before).toBeCloseTo(ratios[i], 12);
    });
    // executed, not only counted
    const forward = (model: typeof done.model): number => {
      const before = device.kernels.multiplies();
      device.withoutGradients(() => model.eval().forward(tensor(device, [1, 28, 28, 1], new Float32Array(784))));
      return device.kernels.multiplies() - before;
    };
    expect(forward(done.model)).toBe(done.layers.reduce((sum, { multiplyAdds }) => sum + multiplyAdds.after, 0));
  });

  test("gives a recipe that builds the model and trains on, and a table", () => {
    const again = new Run(parseRecipe(JSON.parse(JSON.stringify(done.recipe))), data, device);
    loadState(again.model, stateOf(done.model));
    expect(again.evaluate()).toEqual(done.after);
    expect(Number.isFinite(again.advance().loss)).toBe(true);
    const text = compressText(done);
    expect(text).toContain("fc2.weight");
    expect(text).toContain("after tuning");
  });

  test("says what to try where nothing went", () => {
    expect(compressText(done)).not.toContain("Nothing went");
    const numbers = { before: 10, after: 10 };
    expect(compressText({ ...done, numbers })).toContain("Nothing went: no whole structure became zero. Try a lambda");
  });

  test("takes the smallest groups alone where that is asked for, and leaves the others their size", () => {
    const smallest = [{ structure: "row", lambda: 0.3, layers: "fc1", smallest: 0.25 }];
    const { recipe: smaller } = compress(recipe({ regularize: smallest }), data, device, { learn: 2, tune: 1 });
    expect(smaller.model).toMatchObject({ hidden: [36, 32] });
  });

  test.each([
    { name: "sgd", learningRate: 0.05 },
    { name: "adamw", learningRate: 1e-3 },
  ])("needs no lambda for the smallest groups: %j", (optimizer) => {
    const regularize = [{ structure: "row", smallest: 0.25 }];
    const { recipe: smaller } = compress(recipe({ regularize, optimizer }), data, device, { learn: 1, tune: 1 });
    expect(smaller.model).toMatchObject({ hidden: [36, 24] });
    const lambda = "regularize.0.lambda: expected a number where not the smallest groups are to go, by proximal steps";
    expect(() => recipe({ regularize: [{ structure: "row" }] })).toThrow(lambda);
    expect(() => recipe({ regularize: [{ structure: "row", smallest: 0.5, form: "subgradient" }] })).toThrow(lambda);
  });

  test("starts from a trained model, which stays as it was, and needs penalties", () => {
    const { model } = recipe({});
    const start = stateOf(buildModel(model, data, { device, random: new Random(3) }));
    const copy = new Map([...start].map(([name, { data }]) => [name, data.slice()]));
    compress(recipe({ regularize: rows }), data, device, { learn: 1, tune: 1, start });
    for (const [name, { data }] of start) expect(data).toEqual(copy.get(name));
    expect(() => compress(recipe({}), data, device)).toThrow("compress: expected penalties");
  });
});

describe("compress of a resnet", () => {
  const resnet = (regularize: object[]): ReturnType<typeof parseRecipe> =>
    recipe({ model: { name: "resnet", depth: 8, widths: [2, 2, 4] }, regularize, epochs: 1 });

  test.each([
    ["the gains that end a body", { structure: "body", lambda: 20, layers: "block2" }],
    // far beyond what a loss can hold against: at birth the norm of this weight is 2
    ["its last convolution", { structure: "layer", lambda: 1000, layers: "block2.body.conv2" }],
  ])("takes a block away by %s, and tunes what is left", (_, penalty) => {
    const {
      blocks,
      recipe: smaller,
      layers,
      after,
      model,
    } = compress(resnet([penalty]), data, device, { learn: 1, tune: 1 });
    expect(blocks).toEqual(["block2"]);
    expect(smaller.model).toMatchObject({ name: "resnet", blocks: [2, "constant", 4] });
    expect(layers.find(({ name }) => name === "block2.body.conv1.weight")!.shape.after).toBeNull();
    const again = new Run(parseRecipe(JSON.parse(JSON.stringify(smaller))), data, device);
    loadState(again.model, stateOf(model));
    expect(again.evaluate()).toEqual(after);
  });

  test.each([
    [0.34, "body", "bn2"],
    [0.67, "body", "bn2"],
    [0.34, "layer", "conv2"],
  ])("takes this share of them, the smallest: %d of %s", (smallest, structure, weight) => {
    const start = stateOf(buildModel(resnet([]).model, data, { device, random: new Random(1) }));
    // the third by its mean square alone: its norm, of more channels, is the largest
    for (const [i, size] of [0.3, 0.1, 0.25].entries()) {
      const data = start.get(`block${i + 1}.body.${weight}.weight`)!.data as Float32Array;
      const mean = Math.hypot(...data) / Math.sqrt(data.length);
      for (let k = 0; k < data.length; k++) data[k] *= size / mean;
    }
    const penalty = { structure, smallest, layers: `body.${weight}` };
    const { blocks } = compress(resnet([penalty]), data, device, { learn: 1, tune: 1, start });
    expect(blocks).toEqual(smallest < 0.5 ? ["block2"] : ["block2", "block3"]);
  });

  test("keeps the scale of the sum while bodies are penalized", () => {
    const phases = { sparseFrom: 0.25, frozenFrom: 0.75 };
    const { regularize } = resnet([{ structure: "body", lambda: 0.1 }]);
    const model = { name: "resnet", depth: 8, widths: [2, 2, 4] };
    const run = new Run(recipe({ model, regularize, phases, epochs: undefined, steps: 16 }), data, device);
    const gains: number[] = [];
    while (!run.done) {
      run.advance();
      gains.push(valuesOf(run.model).get("bn1.weight")!.data[0]);
    }
    expect(gains[3]).not.toBe(gains[2]);
    expect(new Set(gains.slice(3, 12)).size).toBe(1);
    expect(gains[12]).not.toBe(gains[11]);
  });

  test("may take all of them; the first convolution and the classifier stay", () => {
    const { blocks, layers } = compress(resnet([{ structure: "body", lambda: 50 }]), data, device, {
      learn: 1,
      tune: 1,
    });
    expect(blocks).toEqual(["block1", "block2", "block3"]);
    expect(layers.filter(({ shape }) => shape.after !== null).map(({ name }) => name)).toEqual([
      "conv1.weight",
      "fc.weight",
    ]);
  });
});

describe("compress of a squeezenet", () => {
  const squeezenet = (changes: object): ReturnType<typeof parseRecipe> => {
    const fires = [
      [4, 4, 8],
      [4, 8, 4],
    ];
    return recipe({ model: { name: "squeezenet", width: 4, fires }, epochs: 1, ...changes });
  };

  test("removes filters in front of a concatenation, or a whole branch of it", () => {
    const regularize = [
      { structure: "layer", lambda: 1000, layers: "fire1.expand.1x1" },
      { structure: "channel", lambda: 0.15, layers: "fire2.squeeze" },
    ];
    const done = compress(squeezenet({ regularize }), data, device, { learn: 1, tune: 1 });
    const { model } = done.recipe;
    const [[, one, three], second] = (model as { fires: number[][] }).fires;
    expect(one).toBe(0);
    expect(three).toBeGreaterThan(0);
    expect(three).toBeLessThan(8);
    expect(second).toEqual([4, 8, 4]);
    expect(done.layers.find(({ name }) => name === "fire1.expand.1x1.conv.weight")!.shape.after).toBeNull();
    expect(done.layers.find(({ name }) => name === "fire2.squeeze.conv.weight")!.shape.after).toEqual([4, three]);
    const again = new Run(parseRecipe(JSON.parse(JSON.stringify(done.recipe))), data, device);
    loadState(again.model, stateOf(done.model));
    expect(again.evaluate()).toEqual(done.after);
    expect(compressText(done)).toContain("gone");
  });

  test.each([
    { method: { name: "sr-ste", pattern: "2:4v2" } },
    { method: { name: "s-ste" }, inputGrad: { name: "double-pruned" }, weightGrad: { name: "mvue" } },
  ])("trains with N:M too: $method.name", (changes) => {
    const run = new Run(squeezenet({ ...changes, epochs: undefined, steps: 4 }), data, device);
    while (!run.done) expect(Number.isFinite(run.advance().loss)).toBe(true);
    // not the first convolution, of one channel, and not the classifier
    const verified = run.session.verify().checked;
    expect([verified.length, verified.every(({ ok }) => ok)]).toEqual([6, true]);
  });
});
