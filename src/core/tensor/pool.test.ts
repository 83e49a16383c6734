import { expect, test } from "vitest";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { mlp } from "../nn/models/mlp.ts";
import { Device } from "./device.ts";
import { Pool } from "./pool.ts";
import { tensor } from "./tensor.ts";

const floats = () => new Pool((length: number) => new Float32Array(length));

test("a step of the same shapes uses the same arrays again", () => {
  const pool = floats();
  const first = [pool.lend(8), pool.lend(8), pool.lend(5)];
  pool.takeBack();
  const second = [pool.lend(8), pool.lend(8), pool.lend(5)];
  expect(new Set(second)).toEqual(new Set(first));
  expect(second[0]).not.toBe(second[1]);
});

test("what is put back within a step is taken again in it", () => {
  const pool = floats();
  const array = pool.take(8);
  pool.put(array);
  expect(pool.take(8)).toBe(array);
});

test("lengths that vary do not pile up", () => {
  const pool = floats();
  const length = (step: number): number => 2 ** 18 + step;
  for (let step = 0; step < 200; step++) {
    pool.lend(length(step));
    pool.lend(length(step));
    pool.takeBack();
  }
  // 2 MiB at once: twice that and a MiB to spare
  expect(pool.bytes).toBeLessThanOrEqual(5 * 2 ** 20 + 8 * 2 * 200);
  // the newest are still there
  const before = pool.bytes;
  pool.lend(length(199));
  expect(pool.bytes).toBe(before);
});

test("a short evaluation between two steps of training costs neither its arrays", () => {
  const pool = floats();
  const made = (lengths: readonly number[]): number => {
    const before = pool.bytes;
    for (const length of lengths) pool.lend(length);
    const grown = pool.bytes - before;
    pool.takeBack();
    return grown;
  };
  const [training, evaluation] = [[2 ** 20, 2 ** 19], [2 ** 18]];
  made(training);
  made(evaluation);
  for (let round = 0; round < 3; round++) {
    expect(made(training)).toBe(0);
    for (let part = 0; part < 10; part++) expect(made(evaluation)).toBe(0);
  }
});

test("training on batches of 1 to 150 holds little more than the largest needs", () => {
  const device = new Device(jsKernels());
  const model = mlp([16, 256, 4], { device });
  const step = (batch: number): void =>
    device.step(() => {
      const loss = crossEntropy(
        model.forward(tensor(device, [batch, 16], new Float32Array(16 * batch))),
        new Int32Array(batch),
      );
      backward(loss);
    });
  step(150);
  const needed = device.pooledBytes;
  for (let batch = 1; batch <= 150; batch++) step(batch);
  expect(device.pooledBytes).toBeLessThan(2 * needed + 3 * 2 ** 20);
});
