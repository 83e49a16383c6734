import { expected } from "../../errors.ts";
import { requireOptions, shown } from "../../options.ts";
import { ReLU } from "../activations.ts";
import { BatchNorm } from "../batch-norm.ts";
import { Conv2d } from "../conv2d.ts";
import { INIT_KEYS, type InitOptions } from "../init-options.ts";
import type { Module } from "../module.ts";
import { MaxPool } from "../pooling.ts";
import { Sequential } from "../sequential.ts";

/** Number of convolutions with a pooling behind them, from the first on: three poolings make cells of 8 x 8 pixels. */
const POOLS = 3;

/**
 * A single-pass detector: 3x3 conv - batch norm - ReLU for each width, 2x2 max pooling behind the first three, and a
 * 1x1 convolution. For each cell of 8 x 8 pixels the output has scores of the classes, background being the last, and
 * four offsets of a box: [b, height / 8, width / 8, classes + 1 + 4].
 */
export function detector(
  channels: number,
  widths: readonly number[],
  classes: number,
  options: InitOptions = {},
): Sequential {
  requireOptions("detector", options, INIT_KEYS);
  if (!Array.isArray(widths) || widths.length === 0)
    throw expected("detector", "a list of widths", shown(widths), "Give each convolution one: [32, 64, 128]");
  const layers: Record<string, Module> = {};
  let inputs = channels;
  widths.forEach((width, i) => {
    layers[`conv${i + 1}`] = new Conv2d(inputs, width, 3, { ...options, padding: 1, bias: false });
    layers[`bn${i + 1}`] = new BatchNorm(width, options);
    layers[`relu${i + 1}`] = new ReLU();
    if (i < POOLS) layers[`pool${i + 1}`] = new MaxPool(2);
    inputs = width;
  });
  return new Sequential({ ...layers, head: new Conv2d(inputs, classes + 1 + 4, 1, options) });
}
