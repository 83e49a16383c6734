import * as ts from "trisparse";

const device = ts.openDevice(); // native kernels, or WASM where there is no compiler
const at = { device, random: new ts.Random(1) };
const model = ts.mlp([784, 256, 10], at); // or a Sequential of layers

const data = await ts.loadData("digits");
const batches = ts.batchesOf(data, { batchSize: 128, seed: 1 });
const steps = 5 * batches.stepsPerEpoch;
const sparsity = ts.sparsify(model, { weights: ts.srSte(), pattern: "2:4", steps });
const learningRate = ts.warmupCosine({ learningRate: 2e-3, steps, warmup: 20 });
const optimizer = sparsity.optimizer(ts.adamW({ learningRate }));

for (let step = 0; step < steps; step++) {
  device.step(() => {
    const { x, labels } = batches.training(device, step);
    const loss = ts.crossEntropy(model.forward(x), labels);
    optimizer.zeroGrad();
    ts.backward(loss);
    optimizer.step();
  });
}
console.log(ts.evaluate(model, device, batches), sparsity.verify());
