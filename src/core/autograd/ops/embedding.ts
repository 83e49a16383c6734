import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/**
 * Looks up the rows of table [V, D] for tokens [...], which are whole numbers in 0..V - 1; the output is [..., D].
 * Tokens have no gradient.
 */
export function embedding(tokens: Tensor, table: Tensor): Tensor {
  requireShape("embedding: table", table, [null, null]);
  const { device } = table;
  const [vocabulary, dim] = table.shape;
  const { data, size } = tokens;
  for (const token of data) {
    if (!(Number.isInteger(token) && token >= 0 && token < vocabulary)) {
      throw expected(
        "embedding",
        `tokens in 0..${vocabulary - 1}`,
        `${token}`,
        "Give the table as many rows as there are tokens",
      );
    }
  }
  const y = device.buffer(size * dim);
  device.kernels.embedding(y, data, table.data, size, dim);
  return record("embedding", [table], [...tokens.shape, dim], y, (dy, grads) => {
    const dtable = grads.into(0);
    if (dtable !== null) device.kernels.embeddingBackward(dtable, dy, data, size, vocabulary, dim);
  });
}
