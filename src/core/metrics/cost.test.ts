import { describe, expect, test } from "vitest";
import { PRODUCTS } from "../backend/families/products.ts";
import { type Geometry, matrixGeometry } from "../backend/geometry.ts";
import { jsKernels } from "../backend/js.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { packedBytes, parsePattern } from "../sparse/pattern.ts";
import { productCost } from "./cost.ts";
import { hardnessOf, hardParameterEfficiency, parameterEfficiency } from "./parameter-efficiency.ts";

const LINEAR = matrixGeometry(6, 16, 8);
// as many outputs as inputs: elsewhere inputGrad, which gathers, counts the positions of the input
const CONV: Geometry = Int32Array.of(2, 6, 6, 8, 3, 3, 1, 1, 6, 6, 4);

describe.each([
  ["linear", LINEAR],
  ["convolution", CONV],
] as const)("%s", (_, g) => {
  const sizes = { x: g[0] * g[1] * g[2] * g[3], w: g[10] * g[4] * g[5] * g[3], y: g[0] * g[8] * g[9] * g[10] };

  test("multiply-adds are those that the kernels count, dense and 2:4", () => {
    const kernels = jsKernels();
    const [x, w, y] = [sizes.x, sizes.w, sizes.y].map((size) => kernels.float32(size).fill(1));
    const counted = (run: () => void): number => {
      const before = kernels.multiplies();
      run();
      return kernels.multiplies() - before;
    };
    expect(counted(() => kernels.forward(y, x, w, null, g, 0))).toBe(productCost("forward", g).macs);
    expect(counted(() => kernels.inputGrad(x, y, w, g))).toBe(productCost("inputGrad", g).macs);
    expect(counted(() => kernels.weightGrad(w, y, x, g))).toBe(productCost("weightGrad", g).macs);
    const pattern = parsePattern("2:4");
    const k = sizes.w / g[10];
    const packed = new PackedMatrix(kernels, g[10], k, pattern);
    packed.prune(w);
    const sparse = { operand: "weight", density: 0.5, bytes: packedBytes(pattern, g[10], k) } as const;
    expect(counted(() => kernels.forwardSparse(y, x, packed, null, g, 0))).toBe(productCost("forward", g, sparse).macs);
  });

  test("bytes: two operands read, the result written", () => {
    for (const product of PRODUCTS) {
      expect(productCost(product, g).bytes).toBe(4 * (sizes.x + sizes.w + sizes.y));
      expect(productCost(product, g).flops).toBe(2 * productCost(product, g).macs);
    }
    const sparse = { operand: "weight", density: 0.25, bytes: 10 } as const;
    expect(productCost("forward", g, sparse).bytes).toBe(4 * (sizes.x + sizes.y) + 10);
    // its result is dense
    expect(productCost("weightGrad", g, sparse)).toEqual(productCost("weightGrad", g));
  });
});

test("parameter efficiency doubles when non-zeros halve at equal accuracy", () => {
  expect(parameterEfficiency(90, 2e6)).toBe(45);
  expect(parameterEfficiency(90, 1e6)).toBe(2 * parameterEfficiency(90, 2e6));
});

test("hardness: easy examples count nothing, hard ones in full", () => {
  const hardness = hardnessOf([
    [true, true, false, true],
    [true, false, false, true],
  ]);
  expect([...hardness]).toEqual([0, 0.5, 1, 0]);
  expect(hardParameterEfficiency([1, 1, 0, 1], hardness, 1e6)).toBeCloseTo(0.5 / 1.5, 12);
  expect(hardParameterEfficiency([0, 1, 1, 0], hardness, 1e6)).toBe(1);
  expect(hardParameterEfficiency([0, 1, 1, 0], hardness, 5e5)).toBe(2);
  expect(() => hardParameterEfficiency([1], hardness, 1)).toThrow(
    "hardness-normalized parameter efficiency: expected one answer an example (4), got 1.",
  );
});
