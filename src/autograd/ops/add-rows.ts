import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/** x [B, L, D] + rows [L, D], the same for each of B: positions of a sequence. */
export function addRows(x: Tensor, rows: Tensor): Tensor {
  requireShape("addRows: x", x, [null, null, null]);
  requireShape("addRows: rows", rows, x.shape.slice(1));
  const { kernels } = x.device;
  const { size } = rows;
  const y = x.device.buffer(x.size);
  for (let at = 0; at < x.size; at += size) {
    const [to, from] = [y.subarray(at, at + size), x.data.subarray(at, at + size)];
    kernels.add(to, from, rows.data, size, 0);
  }
  return record("addRows", [x, rows], x.shape, y, (dy, grads) => {
    const drows = grads.into(1);
    if (drows !== null) kernels.columnSums(drows, dy, x.shape[0], size);
    grads.pass(0);
  });
}
