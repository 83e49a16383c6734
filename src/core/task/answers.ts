/** Which answers of a model are right, one by one. */
import type { Batches, SplitName } from "../data/batches.ts";
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** 1 for each row of logits [rows, classes] whose first largest is the label's, else 0. */
export function rightAnswers({ data, shape }: Tensor, labels: ArrayLike<number>): Uint8Array {
  const [rows, classes] = shape;
  return Uint8Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[row * classes + c] > data[row * classes + best]) best = c;
    return Number(best === labels[row]);
  });
}

/** The same of all images of a split, in their order. The model ends in training mode. */
export function answersOf(model: Module, device: Device, batches: Batches, split: SplitName = "test"): Uint8Array {
  const found: number[] = [];
  model.eval();
  for (let part = 0; part < batches.parts(split); part++) {
    device.step(() =>
      device.withoutGradients(() => {
        const { x, labels } = batches.part(device, split, part);
        found.push(...rightAnswers(model.forward(x), labels));
      }),
    );
  }
  model.train();
  return Uint8Array.from(found);
}
