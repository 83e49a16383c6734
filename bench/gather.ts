/**
 * Measures where gathering the remaining columns pays: forward passes of layers, dense and gathered in turn, batch 128,
 * one thread.
 *
 *   npx tsx bench/gather.ts [--json FILE]
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Conv2d } from "../src/core/nn/conv2d.ts";
import { GatheredLinear } from "../src/core/nn/gathered-linear.ts";
import { Linear } from "../src/core/nn/linear.ts";
import { Random } from "../src/core/random.ts";
import { Device } from "../src/core/tensor/device.ts";
import { sizeOf, Tensor } from "../src/core/tensor/tensor.ts";
import { interleave } from "../src/lab/statistics/interleave.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({ options: { json: { type: "string" } } });
const { kernels } = openDeviceSync({ threads: 1 });
const device = new Device(kernels);
const random = new Random(1);
const birth = { device, random };
const [load] = loadavg();
const layers: readonly (readonly [name: string, layer: Conv2d | Linear, input: readonly number[], counts: number[]])[] =
  [
    ["LeNet's conv1", new Conv2d(1, 20, 5, birth), [128, 28, 28, 1], [7]],
    ["LeNet's conv2", new Conv2d(20, 50, 5, birth), [128, 12, 12, 20], [250, 125, 41, 14]],
    ["3x3, 64 to 64 channels, padded", new Conv2d(64, 64, 3, { ...birth, padding: 1 }), [128, 16, 16, 64], [288, 144]],
    ["linear, 784 to 500", new Linear(784, 500, birth), [128, 784], [469, 256, 100]],
  ];
const found = layers.map(([layer, dense, shape, counts]) => {
  const inputs = Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
  const forward = (module: Conv2d | Linear) => () =>
    device.step(() => {
      const data = device.buffer(inputs.length);
      data.set(inputs);
      device.withoutGradients(() => module.forward(new Tensor(device, shape, data)));
    });
  const gathered = counts.map((count) => [`${count} left`, forward(new GatheredLinear(dense, count, birth))] as const);
  const [plain, ...others] = interleave({ dense: forward(dense), ...Object.fromEntries(gathered) }, 40, 10, 1);
  const columns = dense.weight.size / dense.weight.shape[0];
  const denseMs = plain.ms.median;
  const left = others.map(({ ratio }, i) => ({ count: counts[i], faster: ratio.median }));
  console.log(
    layer,
    columns,
    denseMs.toFixed(3),
    left.map(({ count, faster }) => `${count}: ${faster.toFixed(2)}`).join(", "),
  );
  return { layer, columns, denseMs, left };
});
const { backend, instructionSet, threads } = kernels;
const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, layers: found }, null, 1)}\n`);
