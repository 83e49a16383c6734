/** The oracle of grouped convolutions, summed in double precision. */
import type { GroupedConvolutionKernels } from "../families/grouped-convolutions.ts";
import type { Geometry } from "../geometry.ts";
import { hits } from "./products.ts";
import { rectified } from "./rectified.ts";
import { shapeOf, windows } from "./windows.ts";

/** Calls visit(place in y, place in x, place in w) for every term of the convolution. */
function terms(g: Geometry, groups: number, visit: (y: number, x: number, w: number) => void): void {
  const { kh, kw, channels, out } = shapeOf(g);
  const width = channels / groups;
  windows(g, (position, pixel, tap) => {
    for (let o = 0; o < out; o++) {
      const group = Math.floor((o * groups) / out);
      for (let c = 0; c < width; c++)
        visit(position * out + o, pixel + group * width + c, (o * kh * kw + tap) * width + c);
    }
  });
}

/** The kernels; `count` is told the number of multiply-adds, as for products. */
export function groupedConvolutions(count: (multiplies: number) => void): GroupedConvolutionKernels {
  return {
    groupedForward: (y, x, w, bias, g, groups, relu) => {
      const { positions, inputs, out } = shapeOf(g);
      const sums = Float64Array.from({ length: positions * out }, (_, i) => bias?.[i % out] ?? 0);
      terms(g, groups, (toY, toX, toW) => {
        sums[toY] += x[toX] * w[toW];
      });
      y.set(relu ? sums.map(rectified) : sums);
      count((positions * inputs * out) / groups);
    },
    groupedInputGrad: (dx, dy, w, g, groups) => {
      const { batch, height, width, channels, out } = shapeOf(g);
      const sums = new Float64Array(batch * height * width * channels);
      terms(g, groups, (toY, toX, toW) => {
        sums[toX] += dy[toY] * w[toW];
      });
      dx.set(sums);
      count((hits(g) * channels * out) / groups);
    },
    groupedWeightGrad: (dw, dy, x, g, groups) => {
      const { positions, inputs, out } = shapeOf(g);
      const sums = new Float64Array((out * inputs) / groups);
      terms(g, groups, (toY, toX, toW) => {
        sums[toW] += dy[toY] * x[toX];
      });
      dw.set(sums);
      count((positions * inputs * out) / groups);
    },
  };
}
