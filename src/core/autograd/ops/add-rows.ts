import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/** Adds the first L rows of `rows` [L or more, D] to each sequence of x [B, L, D], such as positional embeddings. */
export function addRows(x: Tensor, rows: Tensor): Tensor {
  requireShape("addRows: x", x, [null, null, null]);
  const [batch, length, width] = x.shape;
  requireShape("addRows: rows", rows, [Math.max(length, rows.shape[0]), width]);
  const { kernels } = x.device;
  const size = length * width;
  const used = rows.data.subarray(0, size);
  const y = x.device.buffer(x.size);
  for (let at = 0; at < x.size; at += size) {
    const [to, from] = [y.subarray(at, at + size), x.data.subarray(at, at + size)];
    kernels.add(to, from, used, size, 0);
  }
  return record("addRows", [x, rows], x.shape, y, (dy, grads) => {
    const drows = grads.into(1);
    if (drows !== null) {
      kernels.columnSums(drows.subarray(0, size), dy, batch, size);
      kernels.fill(drows.subarray(size), drows.length - size, 0);
    }
    grads.pass(0);
  });
}
