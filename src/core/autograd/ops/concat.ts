import { expected } from "../../errors.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { axisOf } from "./axes.ts";
import { requireShape } from "./shapes.ts";

/** Joins tensors along one axis; their shapes are equal but for that axis. */
export function concat(inputs: readonly Tensor[], axis: number): Tensor {
  if (inputs.length === 0) throw expected("concat", "tensors", "none", "Pass at least one");
  const [{ device, shape }] = inputs;
  const at = axisOf("concat", shape, axis);
  const others = shape.map((length, i) => (i === at ? null : length));
  for (const input of inputs) requireShape("concat", input, others);
  const { kernels } = device;
  const rows = sizeOf(shape.slice(0, at));
  const inner = sizeOf(shape.slice(at + 1));
  const lengths = inputs.map(({ shape }) => shape[at]);
  const widths = lengths.map((length) => length * inner);
  const begins = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
  const columns = widths.reduce((sum, width) => sum + width, 0);
  const y = device.buffer(rows * columns);
  inputs.forEach(({ data }, i) => {
    kernels.copyColumns(y, data, rows, widths[i], columns, begins[i], widths[i], 0);
  });
  const joined = shape.with(
    at,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  return record("concat", inputs, joined, y, (dy, grads) => {
    widths.forEach((width, i) => {
      const dx = grads.into(i);
      if (dx !== null) kernels.copyColumns(dx, dy, rows, width, width, 0, columns, begins[i]);
    });
  });
}
