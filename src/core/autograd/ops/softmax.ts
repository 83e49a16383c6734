/** Softmax and its logarithm along an axis. */
import type { F32 } from "../../backend/memory.ts";
import { type Shape, sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { around, axisOf } from "./axes.ts";
import { broadcast, compute, type View } from "./elementwise.ts";

/** Views and reductions that both functions use: the entries of x, and one number for each line of x along the axis. */
function along(name: string, x: Tensor, axis: number) {
  const { device, shape } = x;
  const at = axisOf(name, shape, axis);
  const [outer, length, inner] = around(shape, at);
  const lines: Shape = shape.map((size, i) => (i === at ? 1 : size));
  return {
    device,
    entries: (data: F32): View => broadcast(data, shape, shape),
    repeated: (data: F32): View => broadcast(data, lines, shape),
    perLine: (): F32 => device.temporary(sizeOf(lines)),
    lines,
    sum: (to: F32, data: F32): void => device.kernels.reduce(to, data, outer, length, inner, 0, 1),
    largest: (to: F32, data: F32): void => device.kernels.reduce(to, data, outer, length, inner, 1, 1),
  };
}

/** Computes e^x divided by its sum along the axis. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const { device, entries, repeated, perLine, sum, largest } = along("softmax", x, axis);
  const y = device.buffer(x.size);
  const line = perLine();
  // the largest entry becomes e^0, so that nothing overflows
  largest(line, x.data);
  compute(device, y, x.shape, "expOfDifference", [entries(x.data), repeated(line)]);
  sum(line, y);
  compute(device, y, x.shape, "divide", [entries(y), repeated(line)]);
  device.release(line);
  return record("softmax", [x], x.shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx === null) return;
    const line = perLine();
    compute(device, dx, x.shape, "multiply", [entries(dy), entries(y)]);
    sum(line, dx);
    compute(device, dx, x.shape, "softmaxBackward", [entries(y), entries(dy), repeated(line)]);
    device.release(line);
  });
}

/** The logarithm of softmax, without the overflow and the lost digits of log(softmax(x)). */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const { device, entries, repeated, perLine, lines, sum, largest } = along("logSoftmax", x, axis);
  const y = device.buffer(x.size);
  const [line, powers] = [perLine(), device.temporary(x.size)];
  largest(line, x.data);
  compute(device, y, x.shape, "subtract", [entries(x.data), repeated(line)]);
  compute(device, powers, x.shape, "exp", [entries(y)]);
  sum(line, powers);
  compute(device, line, lines, "log", [broadcast(line, lines, lines)]);
  compute(device, y, x.shape, "subtract", [entries(y), repeated(line)]);
  device.release(line);
  device.release(powers);
  return record("logSoftmax", [x], x.shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx === null) return;
    const line = perLine();
    sum(line, dy);
    compute(device, dx, x.shape, "logSoftmaxBackward", [entries(dy), entries(y), repeated(line)]);
    device.release(line);
  });
}
