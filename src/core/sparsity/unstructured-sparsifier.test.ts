/** Training under methods whose zeros have no pattern: counts at every step, what grows, and what is forgotten. */
import { describe, expect, test } from "vitest";
import { makeDigits } from "../../lab/data/digits.ts";
import { parseRecipe, type Recipe } from "../../lab/recipes/recipe.ts";
import { Run } from "../../lab/runs/run.ts";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { reshape } from "../autograd/ops/reshape.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { mlp } from "../nn/models/mlp.ts";
import { adamW } from "../optim/adamw.ts";
import { Optimizer } from "../optim/optimizer.ts";
import { sgd } from "../optim/sgd.ts";
import type { Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { DenseMatrix } from "../sparse/formats/dense-matrix.ts";
import { isKept } from "../sparse/mask.ts";
import { Device } from "../tensor/device.ts";
import { Parameter, tensor } from "../tensor/tensor.ts";
import { ConfinedGradient } from "./layer-operands.ts";
import { multiplyingWeights } from "./layers.ts";
import type { MethodFactory } from "./methods/define-method.ts";
import { keptOfLayers } from "./methods/unstructured/budgets.ts";
import { prune } from "./methods/unstructured/prune.ts";
import { rigl } from "./methods/unstructured/rigl.ts";
import { cubic, iterative } from "./methods/unstructured/schedules.ts";
import { set } from "./methods/unstructured/set.ts";
import type { UnstructuredMethod } from "./methods/unstructured/unstructured-method.ts";
import { sparsityReport } from "./report.ts";
import { UnstructuredSparsifier } from "./unstructured-sparsifier.ts";

const STEPS = 24;
const NAMES = ["fc1.weight", "fc2.weight"];

function setup(method: UnstructuredMethod, transform: Transform = adamW({ learningRate: 0.01, weightDecay: 0.1 })) {
  const device = new Device(jsKernels());
  const random = new Random(3);
  const model = mlp([16, 32, 24, 4], { device, random });
  const unstructured = new UnstructuredSparsifier(model, multiplyingWeights(model), new Set(NAMES), method, {
    steps: STEPS,
    seed: 7,
  });
  const optimizer = new Optimizer(model, unstructured.around(transform));
  const x = Array.from({ length: 8 * 16 }, () => random.normal());
  const labels = Int32Array.from({ length: 8 }, (_, i) => i % 4);
  const weights = NAMES.map((name) => model.namedParameters().get(name)!);
  return {
    ...{ model, unstructured, optimizer, weights },
    /** The dense gradients of this step, as the method sees them. */
    step: (): Float32Array[] => {
      let dense: Float32Array[] = [];
      device.step(() => {
        const loss = crossEntropy(model.forward(tensor(device, [8, 16], x)), labels);
        optimizer.zeroGrad();
        backward(loss);
        dense = weights.map(({ grad }) => grad.slice());
        optimizer.step();
      });
      unstructured.observe();
      return dense;
    },
    /** The gradients of one sample's own loss. */
    gradientsOf: (sample: number): Float32Array[] =>
      device.step(() => {
        const loss = crossEntropy(
          model.forward(tensor(device, [1, 16], x.slice(16 * sample, 16 * sample + 16))),
          labels.slice(sample, sample + 1),
        );
        optimizer.zeroGrad();
        unstructured.aside(() => backward(loss));
        return weights.map(({ grad }) => grad.slice());
      }),
    /** What the masks keep, by layer. */
    kept: (): boolean[][] => {
      const state = unstructured.state();
      return NAMES.map((name, i) => {
        const mask = state.get(`${name}.mask`)!.data as Uint32Array;
        const k = weights[i].shape[1];
        const words = Math.ceil(k / 32);
        return Array.from({ length: weights[i].size }, (_, at) => {
          const [row, column] = [Math.floor(at / k), at % k];
          return ((mask[row * words + (column >> 5)] >>> (column & 31)) & 1) === 1;
        });
      });
    },
  };
}

const count = (flags: readonly boolean[]): number => flags.filter((flag) => flag).length;

describe.each([
  ["set", set],
  ["rigl", rigl],
] as readonly [string, MethodFactory<UnstructuredMethod>][])("%s", (name, entry) => {
  const optimizers: Record<string, () => Transform> = {
    adamw: () => adamW({ learningRate: 0.01, weightDecay: 0.1 }),
    "sgd with momentum": () => sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 }),
  };
  const values = { sparsity: 0.8, every: 4, drop: 0.5, until: 0.75 };

  test.each(Object.entries(optimizers))(
    "%s: as many non-zeros at every step; what grew is zero, without moments",
    (_, transform) => {
      for (const budget of ["erk", "uniform"] as const) {
        const { unstructured, optimizer, weights, step, kept } = setup(entry({ ...values, budget }), transform());
        const counts = keptOfLayers(weights, budget, 0.8);
        let moved = 0;
        for (let t = 0; t < STEPS; t++) {
          const before = kept();
          const old = weights.map(({ data }) => data.slice());
          const gradients = step();
          const after = kept();
          expect(after.map(count)).toEqual(counts);
          const updates = t > 0 && t % 4 === 0 && t < 18;
          const moments = [...optimizer.state()];
          after.forEach((mask, layer) => {
            const { data, size } = weights[layer];
            mask.forEach((flag, i) => {
              if (!flag) expect(data[i]).toBe(0);
            });
            if (!updates) {
              expect(mask).toEqual(before[layer]);
              return;
            }
            const share = name === "set" ? 0.5 : 0.25 * (1 + Math.cos((Math.PI * t) / 18));
            const dropped = Math.floor(share * counts[layer]);
            const active = before[layer].flatMap((flag, i) => (flag ? [i] : []));
            const bySize = active.sort((a, b) => Math.abs(old[layer][b]) - Math.abs(old[layer][a]) || a - b);
            const survivors = new Set(bySize.slice(0, counts[layer] - dropped));
            const grown = mask.flatMap((flag, i) => (flag && !survivors.has(i) ? [i] : []));
            expect(grown).toHaveLength(dropped);
            for (const i of survivors) {
              expect(mask[i]).toBe(true);
              // an update is no step
              expect(data[i]).toBe(old[layer][i]);
            }
            moved += grown.filter((i) => !before[layer][i]).length;
            if (name === "rigl") {
              const candidates = Array.from({ length: size }, (_, i) => i).filter((i) => !survivors.has(i));
              const byGradient = candidates.sort(
                (a, b) => Math.abs(gradients[layer][b]) - Math.abs(gradients[layer][a]) || a - b,
              );
              expect(new Set(grown)).toEqual(new Set(byGradient.slice(0, dropped)));
            }
            const own = moments.filter(([key, { length }]) => key.startsWith(NAMES[layer]) && length === size);
            expect(own.length).toBeGreaterThan(0);
            for (const i of grown) {
              // one that was dropped and grown at once never left
              if (before[layer][i]) expect(data[i]).toBe(old[layer][i]);
              else expect([data[i], ...own.map(([, array]) => array[i])].every((value) => value === 0)).toBe(true);
            }
          });
        }
        expect(moved).toBeGreaterThan(0);
        expect(sparsityReport(unstructured.report(), 1).flipRate).toBeGreaterThan(0);
      }
    },
  );
});

describe("prune", () => {
  const values = { sparsity: 0.85, from: 0.125, until: 0.75, every: 3 };
  const runs = (numbers: Record<string, number>, words: Record<string, string>) => {
    const one = setup(prune({ ...values, ...numbers, ...words }));
    const sizes = one.weights.map(({ size }) => size);
    const sparsities = Array.from({ length: STEPS }, () => {
      one.step();
      const kept = one.kept();
      kept.forEach((mask, layer) => {
        mask.forEach((flag, i) => {
          if (!flag) expect(one.weights[layer].data[i]).toBe(0);
        });
      });
      return kept.map((mask, i) => 1 - count(mask) / sizes[i]);
    });
    const total = sizes.reduce((a, b) => a + b, 0);
    const all = sparsities.map((of) => of.reduce((sum, one, i) => sum + (one * sizes[i]) / total, 0));
    return { ...one, sizes, total, sparsities, all };
  };

  test.each(["uniform", "erk", "global"])("cubic, budget %s: the measured sparsity follows to one entry", (budget) => {
    const { all, sparsities, sizes, total } = runs({}, { budget });
    const at = cubic({ sparsity: 0.85, from: 3, until: 18 });
    let due = 0;
    for (let t = 0; t < STEPS; t++) {
      if (t >= 3 && t <= 18) due = at(t - (t % 3));
      expect(Math.abs(all[t] - due)).toBeLessThanOrEqual(sizes.length / total);
      if (budget === "uniform") {
        sparsities[t].forEach((one, i) => {
          expect(Math.abs(one - due)).toBeLessThanOrEqual(1 / sizes[i]);
        });
      }
    }
  });

  test.each(["first-order", "magnitude"] as const)("one-shot by %s keeps the largest of that step", (score) => {
    const { weights, step, kept } = setup(prune({ ...values, schedule: "one-shot", score, budget: "global" }));
    for (let t = 0; t < 3; t++) step();
    const old = weights.map(({ data }) => data.slice());
    const gradients = step();
    const scores = old.map((w, layer) =>
      Array.from(w, (value, i) => Math.abs(Math.fround(score === "magnitude" ? value : value * gradients[layer][i]))),
    );
    const mask = kept();
    const least = Math.min(...mask.flatMap((flags, layer) => scores[layer].filter((_, i) => flags[i])));
    const most = Math.max(...mask.flatMap((flags, layer) => scores[layer].filter((_, i) => !flags[i])));
    expect(least).toBeGreaterThanOrEqual(most);
    const total = old.reduce((sum, { length }) => sum + length, 0);
    expect(mask.reduce((sum, flags) => sum + count(flags), 0)).toBe(Math.round(0.15 * total));
  });

  test.each(["rows", "columns", "blocks"])("%s are kept or pruned as one", (units) => {
    for (const budget of ["uniform", "global"]) {
      const { kept, weights, all } = runs({ sparsity: 0.5 }, { schedule: "one-shot", units, budget });
      const size = { rows: [1, 1e9], columns: [1e9, 1], blocks: [4, 4] }[units]!;
      kept().forEach((mask, layer) => {
        const k = weights[layer].shape[1];
        const first = new Map<string, boolean>();
        mask.forEach((flag, i) => {
          const unit = `${Math.floor(Math.floor(i / k) / size[0])} ${Math.floor((i % k) / size[1])}`;
          if (!first.has(unit)) first.set(unit, flag);
          expect(flag).toBe(first.get(unit));
        });
      });
      expect(all[STEPS - 1]).toBeGreaterThan(0.48);
      expect(all[STEPS - 1]).toBeLessThan(0.54);
    }
  });

  test("iterative: each round begins with the weights of the first, pruned further; masks only shrink", () => {
    const one = setup(prune({ ...values, rounds: 3, rewindTo: 0.5, schedule: "iterative" }));
    const at = iterative(0.85, [6, 12, 18]);
    let noted: Map<string, Float32Array> = new Map();
    let before = one.kept();
    for (let t = 0; t < STEPS; t++) {
      const now = new Map([...one.model.namedParameters()].map(([name, { data }]) => [name, data.slice()]));
      if (t === 3) noted = now;
      one.step();
      const kept = one.kept();
      kept.forEach((mask, i) => {
        expect(Math.abs(1 - count(mask) / mask.length - at(t))).toBeLessThanOrEqual(1 / mask.length);
        expect(mask.every((flag, j) => !flag || before[i][j])).toBe(true);
      });
      before = kept;
      if (![6, 12, 18].includes(t)) continue;
      for (const [name, { data }] of one.model.namedParameters()) {
        const layer = NAMES.indexOf(name);
        const wanted = noted.get(name)!.map((value, i) => (layer < 0 || kept[layer][i] ? value : 0));
        expect([...data].map((v) => v + 0)).toEqual([...wanted].map((v) => v + 0));
      }
      for (const [, moments] of one.optimizer.state()) expect(moments.every((value) => value === 0)).toBe(true);
    }
  });

  test("dense-sparse-dense: sparse in between, and what was pruned is trained again", () => {
    const { all, weights } = runs({}, { schedule: "dense-sparse-dense" });
    const wanted = Array.from({ length: STEPS }, (_, t) => (t >= 3 && t < 18 ? 0.85 : 0));
    all.forEach((sparsity, t) => {
      expect(sparsity).toBeCloseTo(wanted[t], 2);
    });
    // inputs of dead units get no gradient
    for (const { data } of weights) expect(data.filter((value) => value === 0).length / data.length).toBeLessThan(0.5);
  });
});

describe("second-order scores", () => {
  const values = { schedule: "one-shot", sparsity: 0.85, from: 0.125, budget: "global", fisherSteps: 3 } as const;

  test.each(["obd", "obs"] as const)(
    "%s: sums over the steps up to the pruning, and keeps nothing after it",
    (score) => {
      const { unstructured, step, kept } = setup(prune({ ...values, score }));
      const samples = (): number | undefined => {
        return unstructured.state().get("state of fc1.weight/fisher samples")?.data[0];
      };
      // pruned in step 3, of batches of 8
      const counts = Array.from({ length: 5 }, () => {
        step();
        return samples();
      });
      expect(counts).toEqual([undefined, 8, 16, undefined, undefined]);
      const total = kept().reduce((sum, { length }) => sum + length, 0);
      expect(kept().reduce((sum, flags) => sum + count(flags), 0)).toBe(Math.round(0.15 * total));
    },
  );

  test("obd prunes the entries of which w times each sample's gradient are least, squared and averaged", () => {
    const one = setup(prune({ ...values, fisherSteps: 1, score: "obd" }));
    for (let t = 0; t < 3; t++) one.step();
    const weights = one.weights.map(({ data }) => data.slice());
    const scores = one.weights.map(({ size }) => new Float64Array(size));
    for (let sample = 0; sample < 8; sample++) {
      one.gradientsOf(sample).forEach((gradient, layer) => {
        for (let i = 0; i < gradient.length; i++) scores[layer][i] += (gradient[i] * weights[layer][i]) ** 2 / 16;
      });
    }
    one.step();
    const mask = one.kept();
    const least = Math.min(...mask.flatMap((flags, layer) => [...scores[layer]].filter((_, i) => flags[i])));
    const most = Math.max(...mask.flatMap((flags, layer) => [...scores[layer]].filter((_, i) => !flags[i])));
    expect(least).toBeGreaterThan(most * (1 - 1e-5));
  });

  test("obs changes what stays in the step of a pruning, unless it is told not to", () => {
    const changeOf = (
      compensation: "block" | "none",
    ): { before: Float32Array; after: Float32Array; mask: boolean[] } => {
      // a step that changes nothing by itself
      const one = setup(prune({ ...values, score: "obs", compensation }), sgd({ learningRate: 0 }));
      for (let t = 0; t < 3; t++) one.step();
      const before = one.weights[0].data.slice();
      one.step();
      return { before, after: one.weights[0].data, mask: one.kept()[0] };
    };
    const [changed, left] = [changeOf("block"), changeOf("none")];
    expect(changed.mask).toEqual(left.mask);
    const moves = ({ before, after: now, mask }: typeof left): number =>
      mask.filter((flag, i) => flag && now[i] !== before[i]).length;
    expect(moves(left)).toBe(0);
    expect(moves(changed)).toBeGreaterThan(10);
    changed.mask.forEach((flag, i) => {
      if (!flag) expect(changed.after[i]).toBe(0);
    });
  });

  test("passes beside the training are not summed", () => {
    const data = makeDigits({ limit: { train: 64, test: 16 } });
    const recipe = parseRecipe({
      ...{ model: { name: "mlp", hidden: [16, 16] }, batchSize: 16, steps: 12 },
      method: { name: "prune", ...values, from: 0.5, score: "obd" },
      weightGrad: { name: "mvue", pattern: "2:4" },
    });
    const run = new Run(recipe, data, new Device(jsKernels()));
    while (run.step < 5) run.advance();
    const before = [...run.session.checkpoint()];
    expect(before.some(([name]) => name.endsWith("fc1.weight/fisher"))).toBe(true);
    expect(run.probeGradients(2)).not.toEqual([]);
    expect([...run.session.checkpoint()]).toEqual(before);
  });
});

describe("compressed rows", () => {
  const data = makeDigits({ limit: { train: 256, test: 32 } });
  const recipe = (method: object, others: object = {}): Recipe =>
    parseRecipe({ model: { name: "mlp", hidden: [32, 24] }, batchSize: 32, steps: 12, method, ...others });

  test.each([
    { name: "rigl", sparsity: 0.85, every: 3 },
    { name: "set", sparsity: 0.9, every: 3 },
    { name: "prune", sparsity: 0.9, from: 0.2, until: 0.7, every: 2 },
    { name: "prune", score: "first-order", sparsity: 0.9, from: 0.2, until: 0.7, every: 2 },
    { name: "prune", schedule: "dense-sparse-dense", sparsity: 0.9, from: 0.2, until: 0.7 },
    { name: "prune", score: "obd", fisherSteps: 2, sparsity: 0.9, from: 0.2, until: 0.7, every: 2 },
    { name: "prune", score: "obs", fisherSteps: 1, fisherBlock: 4, sparsity: 0.9, from: 0.2, until: 0.7, every: 3 },
  ])("$name trains as by masked products, with fewer multiply-adds", (method) => {
    const optimizer = { name: "adamw", clip: 0.05 };
    const [compressed, masked] = (["sparse", "emulated"] as const).map((compute) => {
      const device = new Device(jsKernels());
      const run = new Run(recipe(method, { batchSize: 128, optimizer }), data, device, { compute });
      const losses: number[] = [];
      while (!run.done) losses.push(run.advance().loss);
      const { accuracy } = run.evaluate() as { accuracy: number };
      return { run, losses, accuracy, multiplies: device.kernels.multiplies() };
    });
    compressed.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(masked.losses[i], 4);
    });
    expect(compressed.accuracy).toBe(masked.accuracy);
    expect(compressed.multiplies).toBeLessThan(masked.multiplies);
    const computedOf = ({ run }: typeof masked): string[] => run.plan.map(({ computed: { forward } }) => forward);
    expect(computedOf(compressed)).toEqual(["sparse", "sparse", "dense"]);
    expect(computedOf(masked)).toEqual(["emulated", "emulated", "dense"]);
    expect(compressed.run.plan[0].reason).toBe("compressed rows from 75 % zeros on");
  });

  test("multiply exactly the non-zeros, in all three products; by dense gradients where the method reads them", () => {
    const device = new Device(jsKernels());
    const method = { name: "rigl", sparsity: 0.9, budget: "uniform", every: 2 };
    const run = new Run(recipe(method, { batchSize: 128 }), data, device, {});
    const sizes = [run.plan[0], run.plan[1], run.plan[2]].map(({ shape }) => shape[0] * shape[1]);
    const kept = sizes.slice(0, 2).map((size) => Math.round(0.1 * size));
    const multiplies = Array.from({ length: 3 }, () => {
      const before = device.kernels.multiplies();
      run.advance();
      return (device.kernels.multiplies() - before) / 128;
    });
    // the first layer has no inputGrad, the last is dense
    const sparse = 2 * kept[0] + 3 * kept[1] + 3 * sizes[2];
    expect(multiplies).toEqual([sparse, sparse, sparse - kept[0] - kept[1] + sizes[0] + sizes[1]]);
  });

  test.each(["sparse", "emulated"] as const)(
    "computed %s: what is pruned has a gradient only where it is read",
    (compute) => {
      const method = { name: "rigl", sparsity: 0.9, every: 2 };
      const run = new Run(recipe(method, { batchSize: 128 }), data, new Device(jsKernels()), { compute });
      const weight = run.model.namedParameters().get("fc1.weight")!;
      const read = Array.from({ length: 4 }, () => {
        const { plan } = weight;
        const mask = run.session.checkpoint().get("unstructured/fc1.weight.mask")!.data as Uint32Array;
        const k = weight.shape[1];
        let found = false;
        // before the optimizer's step, where gradients are clipped
        const operandOf = plan!.weightGrad.bind(plan);
        plan!.weightGrad = (...at) => {
          const operand = operandOf(...at) ?? new DenseMatrix(run.device.kernels, weight.data);
          return new ConfinedGradient(operand, (dw) => {
            found = dw.some((value, i) => value !== 0 && !isKept(mask, k, Math.floor(i / k), i % k));
          });
        };
        run.advance();
        plan!.weightGrad = operandOf;
        return found;
      });
      expect(read).toEqual([false, false, true, false]);
    },
  );

  test("are for convolutions too, where strides let the input gradient be one", () => {
    const of = (compute: "sparse" | "emulated"): { losses: number[]; run: Run; multiplies: number } => {
      const device = new Device(jsKernels());
      const model = { name: "resnet", depth: 8, widths: [4, 4, 8] };
      const run = new Run(
        recipe({ name: "rigl", sparsity: 0.85, every: 3 }, { model, batchSize: 4, steps: 4 }),
        data,
        device,
        {
          compute,
        },
      );
      const losses: number[] = [];
      while (!run.done) losses.push(run.advance().loss);
      return { losses, run, multiplies: device.kernels.multiplies() };
    };
    const [compressed, masked] = [of("sparse"), of("emulated")];
    compressed.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(masked.losses[i], 4);
    });
    expect(compressed.multiplies).toBeLessThan(0.7 * masked.multiplies);
    const computed = new Map(compressed.run.plan.map((layer) => [layer.name, layer.computed]));
    expect(computed.get("block1.body.conv1.weight")).toEqual({
      ...{ forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" },
    });
    // of stride 2
    expect(computed.get("block2.body.conv1.weight")).toEqual({
      ...{ forward: "sparse", inputGrad: "emulated", weightGrad: "sparse" },
    });
  });

  test.each([
    [3, 1, 1],
    [3, 1, 0],
    [5, 1, 2],
    [3, 2, 1],
    [1, 1, 0],
  ])("of kernel %i, stride %i, padding %i give the gradients of masked products", (kernel, stride, padding) => {
    const gradients = (compressed: ReadonlySet<string>) => {
      const random = new Random(5);
      const device = new Device(jsKernels());
      const model = new Conv2d(3, 6, kernel, { device, random, stride, padding });
      new UnstructuredSparsifier(model, multiplyingWeights(model), new Set(["weight"]), set({ sparsity: 0.8 }), {
        ...{ steps: 4, seed: 2, compressed },
      });
      const x = new Parameter(device, [2, 9, 8, 3]);
      for (let i = 0; i < x.size; i++) x.data[i] = random.normal();
      let y: Float32Array = new Float32Array();
      device.step(() => {
        const out = model.forward(x);
        y = out.data.slice();
        const labels = Int32Array.from({ length: 2 }, (_, i) => i);
        backward(crossEntropy(reshape(out, [2, out.size / 2]), labels));
      });
      return { arrays: [y, x.grad, model.weight.grad], multiplies: device.kernels.multiplies() };
    };
    const [own, wanted] = [gradients(new Set(["weight"])), gradients(new Set())];
    own.arrays.forEach((values, i) => {
      values.forEach((value, j) => {
        expect(value).toBeCloseTo(wanted.arrays[i][j], 5);
      });
    });
    expect(own.multiplies).toBeLessThan((stride === 1 ? 0.7 : 0.9) * wanted.multiplies);
  });

  test("are not beside other sparse operands", () => {
    const computedOf = (one: Recipe): string[] =>
      new Run(one, data, new Device(jsKernels())).plan.map((layer) => layer.computed.forward);
    expect(computedOf(recipe({ name: "set" }, { weightGrad: { name: "mvue" } }))).toEqual([
      "emulated",
      "emulated",
      "dense",
    ]);
  });
});

test("a method without a weight names those there are", () => {
  const model = mlp([4, 4, 2], { device: new Device(jsKernels()), random: new Random(1) });
  expect(
    () => new UnstructuredSparsifier(model, multiplyingWeights(model), new Set(), rigl(), { steps: 1, seed: 1 }),
  ).toThrow("method rigl: expected at least one weight, got none. Let skip leave some of fc1.weight, fc2.weight");
});
