/**
 * Makes version-1.json: run folders as trisparse 0.1 left them, killed after three of four steps, and how these ended.
 *
 *     npx tsx test/golden/make_version_1.mjs <a checkout of version 0.1 with its node_modules>
 *
 * Runs of later versions read them, go on, and must end with the same weights.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { noise } from "../formula.ts";

const old = (path) => import(join(resolve(process.argv[2]), "src", path));
const { dataset } = await old("data/dataset.ts");
const { jsKernels } = await old("kernels/js.ts");
const { Device } = await old("tensor/device.ts");
const { parseRecipe } = await old("train/recipe.ts");
const { Run } = await old("train/run.ts");
const { RunFolder } = await old("train/run-folder.ts");
const { trainTogether } = await old("train/together.ts");

const split = { train: noise(1, 16), test: noise(2, 4) };
const data = dataset({ name: "noise", shape: [28, 28, 1], classes: 10, ...split });
const device = new Device(jsKernels());
const lenet = { name: "lenet", widths: [2, 3, 4] };
const models = {
  lenet: { model: lenet, method: { name: "dense" } },
  gathered: { model: { ...lenet, columns: { fc1: 7 } }, method: { name: "dense" } },
  cnn: { model: { name: "cnn", widths: [4, 4, 4] }, method: { name: "sr-ste", pattern: "2:4" } },
};

const folder = mkdtempSync(join(tmpdir(), "trisparse-"));
const made = {};
for (const [name, options] of Object.entries(models)) {
  const recipe = parseRecipe({ ...options, epochs: 2, batch: 8, seed: 3 });
  const run = RunFolder.create(join(folder, name), recipe);
  const read = (file) => readFileSync(join(run.path, file));
  let steps = 0;
  const stop = () => {
    if (++steps === 3) throw new Error("killed");
  };
  await trainTogether([run], data, device, { onStep: stop }).catch(() => {});
  const killed = {
    files: Object.fromEntries(["recipe.json", "metrics.jsonl"].map((file) => [file, read(file).toString()])),
    checkpoint: read("checkpoint.safetensors").toString("base64"),
  };
  const again = RunFolder.open(run.path);
  await trainTogether([again], data, device);
  const ended = new Run(recipe, data, device);
  RunFolder.open(run.path).resume(ended);
  ended.model.eval();
  const logits = device.step(() =>
    device.withoutGradients(() => [...ended.model.forward(ended.batches.part(device, "test", 0).x).data]),
  );
  made[name] = { ...killed, weights: read("weights.safetensors").toString("base64"), logits };
}
rmSync(folder, { recursive: true });
writeFileSync(new URL("version-1.json", import.meta.url), `${JSON.stringify(made, null, 1)}\n`);
