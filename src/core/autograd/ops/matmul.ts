import { PRODUCTS, type Product } from "../../backend/families/products.ts";
import { matrixGeometry } from "../../backend/geometry.ts";
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import { type Shape, sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { broadcastTo } from "./broadcast-to.ts";
import { broadcastShape } from "./elementwise.ts";
import { reshape } from "./reshape.ts";

/**
 * Multiplies matrices as NumPy does: [..., M, K] by [..., K, N] gives [..., M, N]. The axes before the last two are
 * broadcast. A vector on the left is a row, on the right a column, and the result lacks its axis.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const fits = a.shape.length > 0 && b.shape.length > 0 && a.shape.at(-1) === b.shape.at(b.shape.length > 1 ? -2 : -1);
  if (!fits) {
    const got = `[${a.shape.join(", ")}] and [${b.shape.join(", ")}]`;
    throw expected(
      "matmul",
      "shapes [..., M, K] and [..., K, N]",
      got,
      "The columns of a are as many as the rows of b",
    );
  }
  const left = a.shape.length > 1 ? a : reshape(a, [1, a.size]);
  const right = b.shape.length > 1 ? b : reshape(b, [b.size, 1]);
  const y = ofMatrices(left, right);
  if (left === a && right === b) return y;
  const batch = y.shape.slice(0, -2);
  return reshape(y, [
    ...batch,
    ...(left === a ? [y.shape[batch.length]] : []),
    ...(right === b ? y.shape.slice(-1) : []),
  ]);
}

function ofMatrices(a: Tensor, b: Tensor): Tensor {
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [[rows, inner], columns] = [a.shape.slice(-2), b.shape[outerB.length + 1]];
  // one matrix on the right: the rows of all matrices on the left can be those of one
  if (sizeOf(outerB) === 1 && outerB.length <= outerA.length) {
    const flat = reshape(a, [sizeOf(outerA) * rows, inner]);
    return product(flat, reshape(b, [inner, columns]), [...outerA, rows, columns]);
  }
  const outer = broadcastShape("matmul", [outerA, outerB]);
  const whole = (x: Tensor, own: Shape): Tensor =>
    own.join() === outer.join() ? x : broadcastTo(x, [...outer, ...x.shape.slice(-2)]);
  return product(whole(a, outerA), whole(b, outerB), [...outer, rows, columns]);
}

/**
 * Multiplies equally many matrices. In terms of the three products, y = a b is an input gradient and da a forward
 * product.
 */
function product(a: Tensor, b: Tensor, shape: Shape): Tensor {
  const { device } = a;
  const [rows, inner] = a.shape.slice(-2);
  const columns = shape[shape.length - 1];
  const batch = sizeOf(a.shape.slice(0, -2));
  const g = matrixGeometry(rows, columns, inner);
  const multiply = (out: F32, left: F32, right: F32, kind: Product): void => {
    if (left.length * right.length === 0) out.fill(0);
    else device.kernels.batchedProduct(out, left, right, g, batch, PRODUCTS.indexOf(kind));
  };
  const [left, right] = [a.data, b.data];
  const y = device.buffer(sizeOf(shape));
  multiply(y, left, right, "inputGrad");
  return record("matmul", [a, b], shape, y, (dy, grads) => {
    const db = grads.into(1);
    if (db !== null) multiply(db, left, dy, "weightGrad");
    const da = grads.into(0);
    if (da !== null) multiply(da, dy, right, "forward");
  });
}
