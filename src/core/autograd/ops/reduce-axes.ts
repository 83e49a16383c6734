/** Sums of data over axes. */
import type { F32 } from "../../backend/memory.ts";
import type { Device } from "../../tensor/device.ts";
import { type Shape, sizeOf } from "../../tensor/tensor.ts";
import { around } from "./axes.ts";

/** Joins neighboring axes of a rising list to runs [first, behind the last]; the last run comes first. */
export function runsOf(axes: readonly number[]): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const axis of axes) {
    const last = runs.at(-1);
    if (last?.[1] === axis) last[1]++;
    else runs.push([axis, axis + 1]);
  }
  return runs.reverse();
}

/** Writes `factor` times the sums over these axes, in rising order, of data of this shape to `out`. */
export function reduceAxes(
  device: Device,
  out: F32,
  data: F32,
  shape: Shape,
  axes: readonly number[],
  factor: number,
): void {
  const { kernels } = device;
  const left = [...shape];
  let x = data;
  // without an axis, each sum has one entry: this is a copy
  const runs = axes.length === 0 ? [[0, 0] as const] : runsOf(axes);
  runs.forEach(([from, to], i) => {
    const [outer, length, inner] = around(left, from, to);
    left.fill(1, from, to);
    const last = i === runs.length - 1;
    const y = last ? out : device.temporary(sizeOf(left));
    kernels.reduce(y, x, outer, length, inner, 0, last ? factor : 1);
    if (x !== data) device.release(x);
    x = y;
  });
}
