/** What every format of the table promises: the products of the dense matrix that it stands for, with less work. */
import { describe, expect, test } from "vitest";
import { nativeInstructionSets, nativeKernels } from "../../../node/native.ts";
import { openWasm } from "../../../node/wasm.ts";
import { matrixGeometry } from "../../backend/geometry.ts";
import { jsKernels } from "../../backend/js.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import { Random } from "../../random.ts";
import type { OperandFormat, TrialMatrices } from "../operand.ts";
import { parsePattern } from "../pattern.ts";
import { operandFormats } from "./formats.ts";

const backends: [string, () => Kernels][] = [
  ["js", jsKernels],
  ["wasm", openWasm],
  ...(nativeInstructionSets().length > 0 ? [["native", () => nativeKernels(2)] as [string, () => Kernels]] : []),
];

const geometries = {
  matrix: matrixGeometry(24, 16, 12),
  // 3 x 3, padded
  images: Int32Array.of(2, 4, 6, 8, 3, 3, 1, 1, 4, 6, 12),
};

function matrices(kernels: Kernels, geometry: Int32Array, pattern: string): TrialMatrices {
  const random = new Random(7);
  const drawn = (length: number): F32 => {
    const array = kernels.float32(length);
    for (let i = 0; i < length; i++) array[i] = random.normal();
    return array;
  };
  const [batch, height, width, channels, kernelHeight, kernelWidth, , , outHeight, outWidth, out] = geometry;
  return {
    ...{ kernels, geometry, pattern: parsePattern(pattern) },
    x: drawn(batch * height * width * channels),
    w: drawn(out * kernelHeight * kernelWidth * channels),
    dy: drawn(batch * outHeight * outWidth * out),
  };
}

/** The largest difference, of the largest value; and the multiplies of both. */
function compare(kernels: Kernels, length: number, of: readonly [(out: F32) => void, (out: F32) => void]) {
  const [ours, dense] = of.map((run) => {
    const before = kernels.multiplies();
    // overwritten whole
    const out = kernels.float32(length).fill(Number.NaN);
    run(out);
    return { out, multiplies: kernels.multiplies() - before };
  });
  const largest = dense.out.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = ours.out.reduce((most, value, i) => Math.max(most, Math.abs(value - dense.out[i])), 0);
  return { difference: difference / largest, ours: ours.multiplies, dense: dense.multiplies };
}

function check({ skips }: OperandFormat, { difference, ours, dense }: ReturnType<typeof compare>): void {
  expect(difference).toBeLessThan(1e-5);
  if (skips) expect(ours).toBeLessThan(0.7 * dense);
  else expect(ours).toBe(dense);
}

/** That a format which times may choose has the bits of its emulation: then nothing depends on the choice. */
function checkEmulated<T>(
  format: OperandFormat,
  kernels: Kernels,
  length: number,
  operand: T,
  emulated: T | undefined,
  multiply: (operand: T, out: F32) => void,
): void {
  // rows without a pattern are chosen by their share of zeros, never by times
  if (emulated === undefined) {
    expect(format.skips && format.name !== "compressed rows").toBe(false);
    return;
  }
  const [ours, theirs] = [operand, emulated].map((one) => {
    const out = kernels.float32(length).fill(Number.NaN);
    multiply(one, out);
    return out;
  });
  expect(ours).toEqual(theirs);
}

for (const format of operandFormats) {
  describe(`the format ${format.name}`, () => {
    test("says what it is, and has a product", () => {
      expect(format.about).not.toBe("");
      expect([format.forward, format.inputGrad, format.weightGrad].some((product) => product !== undefined)).toBe(true);
    });

    for (const [backend, open] of backends) {
      for (const [kind, geometry] of Object.entries(geometries)) {
        if (kind === "images" && !format.images) continue;
        for (const pattern of ["2:4", "1:4", "2:4v2"]) {
          test(`gives what its dense matrix gives: ${backend}, ${kind}, ${pattern}`, () => {
            const kernels = open();
            const given = matrices(kernels, geometry, pattern);
            const { forward, inputGrad, weightGrad } = format;
            if (forward !== undefined) {
              const { operand, dense, emulated, x = given.x } = forward(given);
              const bias = kernels.float32(geometry[10]).fill(0.25);
              for (const epilogue of [
                { bias: null, relu: false },
                { bias, relu: true },
              ]) {
                check(
                  format,
                  compare(kernels, given.dy.length, [
                    (y) => operand.forward(y, given.x, geometry, epilogue),
                    (y) => dense.forward(y, x, geometry, epilogue),
                  ]),
                );
                checkEmulated(format, kernels, given.dy.length, operand, emulated, (one, y) =>
                  one.forward(y, given.x, geometry, epilogue),
                );
              }
            }
            if (inputGrad !== undefined) {
              const { operand, dense, emulated, dy = given.dy } = inputGrad(given);
              check(
                format,
                compare(kernels, given.x.length, [
                  (dx) => operand.inputGrad(dx, given.dy, geometry),
                  (dx) => dense.inputGrad(dx, dy, geometry),
                ]),
              );
              checkEmulated(format, kernels, given.x.length, operand, emulated, (one, dx) =>
                one.inputGrad(dx, given.dy, geometry),
              );
            }
            if (weightGrad !== undefined) {
              const { operand, dense, emulated, dy = given.dy } = weightGrad(given);
              check(
                format,
                compare(kernels, given.w.length, [
                  (dw) => operand.weightGrad(dw, given.dy, given.x, geometry),
                  (dw) => dense.weightGrad(dw, dy, given.x, geometry),
                ]),
              );
              checkEmulated(format, kernels, given.w.length, operand, emulated, (one, dw) =>
                one.weightGrad(dw, given.dy, given.x, geometry),
              );
            }
          });
        }
      }
    }
  });
}
