import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/** Computes x [B, ..., C] + bias [C], then ReLU if asked. */
export function addBias(x: Tensor, bias: Tensor, relu = false): Tensor {
  const { device, shape } = x;
  const { kernels } = device;
  const channels = shape[shape.length - 1];
  requireShape("addBias: bias", bias, [channels]);
  const y = device.buffer(x.size);
  // the bias is spread over one image: one call of the kernel for each image, not for each place
  const size = sizeOf(shape.slice(1));
  const spread = device.temporary(size);
  kernels.copy(spread, bias.data, channels);
  for (let at = channels; at < size; at *= 2) kernels.copy(spread.subarray(at), spread, Math.min(at, size - at));
  for (let at = 0; at < x.size; at += size)
    kernels.add(y.subarray(at, at + size), x.data.subarray(at, at + size), spread, size, Number(relu));
  device.release(spread);
  return record("addBias", [x, bias], shape, y, (dy, grads) => {
    if (relu) kernels.reluBackward(dy, dy, y, y.length);
    const dbias = grads.into(1);
    if (dbias !== null) kernels.columnSums(dbias, dy, y.length / channels, channels);
    grads.pass(0);
  });
}
