/** The oracle of general operations, entry by entry, in double precision. */
import { type GeneralKernels, MAX_RANK, OPERATIONS, type Operation } from "../families/general.ts";
import type { ProductKernels } from "../families/products.ts";

const operate: Readonly<Record<Operation, (a: number, b: number, c: number) => number>> = {
  copy: (a) => a,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  power: (a, b) => a ** b,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  // biome-ignore lint/complexity/useMathMinMax: of zeros of two signs it would choose one by sign.
  clamp: (a, b, c) => (a < b ? b : a > c ? c : a),
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  tanh: Math.tanh,
  select: (a, b, c) => (a !== 0 ? b : c),
  expOfDifference: (a, b) => Math.exp(a - b),
  quotientByDivisor: (a, b, c) => (-a * b) / c,
  powerByBase: (a, b, c) => (c === 0 ? 0 : a * c * b ** (c - 1)),
  powerByExponent: (a, b, c) => (c === 0 ? 0 : a * b * Math.log(c)),
  sqrtBackward: (a, b) => a / (2 * b),
  absBackward: (a, b) => (b > 0 ? a : b < 0 ? -a : 0),
  clampBackward: (a, b, c) => (b === c ? a : 0),
  sigmoidBackward: (a, b) => a * b * (1 - b),
  tanhBackward: (a, b) => a * (1 - b * b),
  softmaxBackward: (a, b, c) => a * (b - c),
  logSoftmaxBackward: (a, b, c) => a - Math.exp(b) * c,
};

export const general = ({
  forward,
  inputGrad,
  weightGrad,
}: Pick<ProductKernels, "forward" | "inputGrad" | "weightGrad">): GeneralKernels => ({
  elementwise: (y, a, b, c, operation, layout) => {
    const rank = layout[0];
    const of = operate[OPERATIONS[operation]];
    for (let i = 0; i < y.length; i++) {
      const at = [0, 0, 0];
      for (let axis = rank - 1, rest = i; axis >= 0; axis--) {
        const length = layout[1 + axis];
        for (const k of [0, 1, 2]) at[k] += (rest % length) * layout[1 + (k + 1) * MAX_RANK + axis];
        rest = Math.floor(rest / length);
      }
      y[i] = of(a[at[0]], b[at[1]], c[at[2]]);
    }
  },
  reduce: (y, x, outer, length, inner, largest, factor) => {
    for (let i = 0; i < outer * inner; i++) {
      let value = largest ? -Infinity : 0;
      for (let j = 0; j < length; j++) {
        const term = x[(Math.floor(i / inner) * length + j) * inner + (i % inner)];
        if (!largest) value += term;
        else if (term > value || Number.isNaN(term)) value = term;
      }
      y[i] = largest ? value : Math.fround(factor) * value;
    }
  },
  maxBackward: (dx, dy, x, y, outer, length, inner) => {
    dx.fill(0);
    for (let i = 0; i < outer * inner; i++) {
      const places = Array.from({ length }, (_, j) => (Math.floor(i / inner) * length + j) * inner + (i % inner));
      const same = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));
      dx[places.find((at) => same(x[at], y[i]))!] = dy[i];
    }
  },
  scatterEntries: (out, x, places, count) => {
    for (let i = 0; i < count; i++) out[places[i]] += x[i];
  },
  batchedProduct: (out, left, right, g, batch, product) => {
    const [t, i, o] = [g[0], g[3], g[10]];
    for (let b = 0; b < batch; b++) {
      const part = (array: Float32Array, size: number) => array.subarray(b * size, (b + 1) * size);
      if (product === 0) forward(part(out, t * o), part(left, t * i), part(right, o * i), null, g, 0);
      else if (product === 1) inputGrad(part(out, t * i), part(left, t * o), part(right, o * i), g);
      else weightGrad(part(out, o * i), part(left, t * o), part(right, t * i), g);
    }
  },
});
