/** What test/browser.test.ts runs in Node and in a bare context: a few steps that use most kinds of kernels. */
import { adamW, backward, cnn, crossEntropy, type Device, Random, sparsify, srSte, tensor } from "../src/core/index.ts";

const [BATCH, SIDE, CHANNELS, CLASSES, STEPS] = [8, 8, 4, 4, 4];

/** The losses of a small 2:4 network of one batch, and its last weights. */
export async function trainingSteps(device: Device): Promise<{ losses: number[]; weights: number[] }> {
  const random = new Random(1);
  const model = cnn(CHANNELS, [8, 16], CLASSES, { device, random });
  const sparsity = sparsify(model, { weights: srSte(), pattern: "2:4", steps: STEPS });
  const optimizer = sparsity.optimizer(adamW({ learningRate: 0.01 }), { clip: 1 });
  const shape = [BATCH, SIDE, SIDE, CHANNELS];
  const pixels = Float32Array.from({ length: BATCH * SIDE * SIDE * CHANNELS }, () => random.normal());
  const labels = device.kernels.int32(BATCH);
  labels.forEach((_, i) => {
    labels[i] = i % CLASSES;
  });
  const losses: Promise<number>[] = [];
  for (let step = 0; step < STEPS; step++) {
    losses.push(
      device.step(() => {
        const loss = crossEntropy(model.forward(tensor(device, shape, pixels)), labels);
        optimizer.zeroGrad();
        backward(loss);
        optimizer.step();
        return loss.item();
      }),
    );
  }
  const weights = model.parameters().flatMap(({ data }) => [...data]);
  return { losses: await Promise.all(losses), weights };
}
