import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/**
 * Computes softmax(q k^T / sqrt(D / heads)) v for each head, where a place in the sequence sees itself and those before
 * it. The input qkv [B, L, 3 D] holds q, k and v as the thirds of its last axis, with D / heads entries of each for a
 * head; the output is [B, L, D].
 */
export function causalAttention(qkv: Tensor, heads: number): Tensor {
  requireShape("causalAttention: qkv", qkv, [null, null, null]);
  const { device } = qkv;
  const { kernels } = device;
  const [batch, length, width] = qkv.shape;
  if (!(Number.isInteger(heads) && heads > 0 && width % (3 * heads) === 0)) {
    throw expected(
      "causalAttention",
      `heads of which 3 * heads divides ${width}`,
      `${heads}`,
      "The last dimension holds q, k and v, each of heads * entries of a head",
    );
  }
  const dim = width / 3;
  const y = device.buffer(batch * length * dim);
  const logSum = device.buffer(batch * heads * length);
  const { data } = qkv;
  kernels.attention(y, logSum, data, batch, length, dim, heads);
  return record("causalAttention", [qkv], [batch, length, dim], y, (dy, grads) => {
    const dqkv = grads.into(0);
    if (dqkv !== null) kernels.attentionBackward(dqkv, dy, data, logSum, batch, length, dim, heads);
  });
}
