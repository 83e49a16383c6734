/** The monitor of gradients tells unbiased samples from biased ones, and leaves the training as it was. */
import { expect, test } from "vitest";
import { makeDigits } from "../../lab/data/digits.ts";
import { parseRecipe } from "../../lab/recipes/recipe.ts";
import { Run } from "../../lab/runs/run.ts";
import { jsKernels } from "../backend/js.ts";
import { Device } from "../tensor/device.ts";
import type { GradientReport } from "./gradient-probe.ts";

const data = makeDigits({ limit: { train: 64, test: 16 } });
const mlp = { model: { name: "mlp", hidden: [16, 16] }, method: { name: "dense" }, batchSize: 16, steps: 6 };
const made = (recipe: object): Run => new Run(parseRecipe(recipe), data, new Device(jsKernels()));

function probed(weightGrad: object, repeats = 32, recipe: object = mlp): GradientReport[] {
  const run = made({ ...recipe, weightGrad });
  for (let i = 0; i < 3; i++) run.advance();
  return run.probeGradients(repeats);
}

test("samples of least variance average to the dense gradient, with the variance they promise", () => {
  const reports = probed({ name: "mvue", pattern: "2:4" });
  expect(reports.map(({ layer }) => layer)).toEqual(["fc1.weight", "fc2.weight"]);
  for (const { cosine, meanCosine, norm, error, variance, similarity } of reports) {
    expect(cosine).toBeLessThan(meanCosine);
    // what is left of the error of one draw after 32
    expect(1 / meanCosine ** 2 - 1).toBeLessThan((3 * error) / 32);
    expect(Math.abs(norm - 1)).toBeLessThan(0.15);
    expect(variance).toBeGreaterThan(0.8);
    expect(variance).toBeLessThan(1.2);
    expect(similarity).toBeNull();
  }
});

test("greedy pruning is biased: all its draws are one, and averaging changes nothing", () => {
  for (const { cosine, meanCosine, norm, variance } of probed({ name: "greedy", pattern: "1:4" }, 4)) {
    expect(meanCosine).toBeCloseTo(cosine, 6);
    expect(norm).toBeLessThan(0.98);
    // the squared error is below that of any unbiased sample
    expect(variance).toBeLessThan(1);
  }
});

test("dense products leave the gradient as it is", () => {
  const run = made({ ...mlp, method: { name: "ste" } });
  for (const { cosine, norm, error, variance } of run.probeGradients(2)) {
    expect([cosine, norm]).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)]);
    expect(error).toBeLessThan(1e-10);
    expect(variance).toBeNull();
  }
});

test("neighboring columns of images are alike, and the layers see it", () => {
  const cnn = { ...mlp, model: { name: "cnn", widths: [4, 8] } };
  const reports = probed({ name: "mvue", pattern: "2:4" }, 2, cnn);
  const ofImages = reports.filter(({ similarity }) => similarity !== null);
  expect(ofImages.length).toBeGreaterThan(0);
  for (const { similarity } of ofImages) expect(similarity).toBeGreaterThan(0.2);
});

test("a look aside changes nothing of the training, batch norm's statistics included", () => {
  const recipe = {
    ...mlp,
    model: { name: "cnn", widths: [4, 8] },
    method: { name: "s-ste", pattern: "2:4" },
    ...{ inputGrad: { name: "double-pruned" }, weightGrad: { name: "mvue" } },
    ...{ batchSize: 4, steps: 3 },
  };
  const [plain, watched] = [made(recipe), made(recipe)];
  while (!plain.done) {
    expect(watched.probeGradients(2).length).toBeGreaterThan(0);
    expect(watched.advance().loss).toBe(plain.advance().loss);
  }
  expect(watched.state()).toEqual(plain.state());
});
