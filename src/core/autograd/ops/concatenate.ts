import { expected } from "../../errors.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/** Tensors of one shape but for their last axis, one after another along it. */
export function concatenate(...inputs: readonly Tensor[]): Tensor {
  if (inputs.length === 0) throw expected("concatenate", "tensors", "none", "Pass at least one");
  const [{ device, shape }] = inputs;
  const outer = shape.slice(0, -1);
  for (const input of inputs) requireShape("concatenate", input, [...outer, null]);
  const { kernels } = device;
  const rows = sizeOf(outer);
  const widths = inputs.map(({ shape }) => shape[outer.length]);
  const begins = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
  const channels = widths.reduce((sum, width) => sum + width, 0);
  const y = device.buffer(rows * channels);
  inputs.forEach(({ data }, i) => {
    kernels.copyColumns(y, data, rows, widths[i], channels, begins[i], widths[i], 0);
  });
  return record("concatenate", inputs, [...outer, channels], y, (dy, grads) => {
    widths.forEach((width, i) => {
      const dx = grads.into(i);
      if (dx !== null) kernels.copyColumns(dx, dy, rows, width, width, 0, channels, begins[i]);
    });
  });
}
