import { expected } from "../../errors.ts";
import { requireOptions, shown } from "../../options.ts";
import { ReLU } from "../activations.ts";
import { BatchNorm } from "../batch-norm.ts";
import { Conv2d } from "../conv2d.ts";
import { INIT_KEYS, type InitOptions } from "../init-options.ts";
import { Linear } from "../linear.ts";
import type { Module } from "../module.ts";
import { GlobalAveragePool, MaxPool } from "../pooling.ts";
import { Sequential } from "../sequential.ts";

/**
 * A convolutional network: 3x3 conv - batch norm - ReLU for each width, 2x2 max pooling between them, global average,
 * linear.
 */
export function cnn(
  channels: number,
  widths: readonly number[],
  classes: number,
  options: InitOptions = {},
): Sequential {
  requireOptions("cnn", options, INIT_KEYS);
  if (!Array.isArray(widths) || widths.length === 0)
    throw expected("cnn", "a list of widths", shown(widths), "Give each convolution one: [32, 64, 128]");
  const layers: Record<string, Module> = {};
  let inputs = channels;
  widths.forEach((width, i) => {
    layers[`conv${i + 1}`] = new Conv2d(inputs, width, 3, { ...options, padding: 1, bias: false });
    layers[`bn${i + 1}`] = new BatchNorm(width, options);
    layers[`relu${i + 1}`] = new ReLU();
    if (i < widths.length - 1) layers[`pool${i + 1}`] = new MaxPool(2);
    inputs = width;
  });
  return new Sequential({ ...layers, average: new GlobalAveragePool(), fc: new Linear(inputs, classes, options) });
}
