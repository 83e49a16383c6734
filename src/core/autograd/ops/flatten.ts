import { matrixGeometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import { requireTensor, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { reshape } from "./reshape.ts";

/**
 * Reshapes [B, ...] to [B, product of the rest]. Images [B, H, W, C] become [B, C * H * W], channel by channel, so that
 * a linear layer behind it has the same columns as in PyTorch and ONNX. It copies only if the two orders differ.
 */
export function flatten(x: Tensor): Tensor {
  requireTensor("flatten", x);
  const [batch] = x.shape;
  const inputs = x.size / batch;
  const channels = x.shape.length === 4 ? x.shape[3] : inputs;
  const places = inputs / channels;
  if (places === 1 || channels === 1) return reshape(x, [batch, inputs]);
  const { device } = x;
  const { kernels } = device;
  const { there, back } = ordersOf(kernels, places, channels);
  const geometry = matrixGeometry(batch, inputs, inputs);
  const y = device.buffer(x.size);
  kernels.gatherColumns(y, x.data, there, inputs, geometry);
  return record("flatten", [x], [batch, inputs], y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.gatherColumns(dx, dy, back, inputs, geometry);
  });
}

/** For each entry of a flattened image, where it comes from; and back. */
interface Orders {
  readonly there: Uint32Array;
  readonly back: Uint32Array;
}

/** The orders in the memory of a backend, by the shape of an image. */
const orders = new WeakMap<Kernels, Map<string, Orders>>();

function ordersOf(kernels: Kernels, places: number, channels: number): Orders {
  const known = orders.get(kernels) ?? new Map<string, Orders>();
  orders.set(kernels, known);
  const key = `${places}x${channels}`;
  let found = known.get(key);
  if (found === undefined) {
    found = { there: kernels.uint32(places * channels), back: kernels.uint32(places * channels) };
    for (let place = 0; place < places; place++) {
      for (let channel = 0; channel < channels; channel++) {
        const [last, first] = [place * channels + channel, channel * places + place];
        found.there[first] = last;
        found.back[last] = first;
      }
    }
    known.set(key, found);
  }
  return found;
}
