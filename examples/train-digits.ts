import {
  adamW,
  backward,
  batchesOf,
  crossEntropy,
  evaluate,
  mlp,
  openDevice,
  sparsify,
  srSte,
  warmupCosine,
} from "trisparse";
import { loadData } from "trisparse/lab";

const device = await openDevice({ seed: 1 }); // native kernels, or WASM where there is no compiler
const model = mlp([784, 256, 10]); // or a Sequential of layers

const data = await loadData("digits");
const batches = batchesOf(data, { batchSize: 128, seed: 1 });
const steps = 5 * batches.stepsPerEpoch;
const sparsity = sparsify(model, { weights: srSte(), pattern: "2:4", steps });
const learningRate = warmupCosine({ learningRate: 2e-3, steps, warmup: 20 });
const optimizer = sparsity.optimizer(adamW({ learningRate }));

for (let step = 0; step < steps; step++) {
  const mean = device.step(() => {
    const { x, labels } = batches.training(device, step);
    const loss = crossEntropy(model.forward(x), labels);
    optimizer.zeroGrad();
    backward(loss);
    optimizer.step();
    return loss.item();
  });
  if (step % 100 === 0) console.log(step, await mean);
}
console.log(evaluate(model, device, batches), sparsity.verify());
