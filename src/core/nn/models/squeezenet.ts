import { requireOptions } from "../../options.ts";
import { ReLU } from "../activations.ts";
import { BatchNorm } from "../batch-norm.ts";
import { Concatenated } from "../concatenated.ts";
import { Conv2d } from "../conv2d.ts";
import { INIT_KEYS, type InitOptions } from "../init-options.ts";
import { kaimingNormal } from "../initializers.ts";
import { Linear } from "../linear.ts";
import type { Module } from "../module.ts";
import { GlobalAveragePool, MaxPool } from "../pooling.ts";
import { Sequential } from "../sequential.ts";

/**
 * Numbers of filters of a Fire module: 1x1 filters that squeeze, then 1x1 and 3x3 filters that expand, side by side.
 * One of the latter two may be 0.
 */
export type Fire = readonly [squeeze: number, expand1x1: number, expand3x3: number];

/**
 * The SqueezeNet (Iandola et al. 2016, section 3 and table 1) at the size of CIFAR: a 3x3 convolution, Fire modules,
 * and 2x2 max pooling behind the convolution and behind each second Fire that another one follows. docs/recipes.md says
 * how it differs from the source.
 */
export function squeezenet(
  channels: number,
  width: number,
  fires: readonly Fire[],
  classes: number,
  init: InitOptions = {},
): Sequential {
  requireOptions("squeezenet", init, INIT_KEYS);
  const layers: Record<string, Module> = { ...convolution("1", channels, width, 3, init), pool1: new MaxPool(2) };
  let inputs = width;
  fires.forEach(([squeeze, one, three], i) => {
    layers[`fire${i + 1}`] = new Sequential({
      squeeze: new Sequential(convolution("", inputs, squeeze, 1, init)),
      expand: expansion(squeeze, one, three, init),
    });
    if (i % 2 === 1 && i < fires.length - 1) layers[`pool${(i + 3) / 2}`] = new MaxPool(2);
    inputs = one + three;
  });
  return new Sequential({ ...layers, average: new GlobalAveragePool(), fc: new Linear(inputs, classes, init) });
}

function expansion(squeeze: number, one: number, three: number, init: InitOptions): Module {
  const branches = {
    ...(one === 0 ? {} : { "1x1": new Sequential(convolution("", squeeze, one, 1, init)) }),
    ...(three === 0 ? {} : { "3x3": new Sequential(convolution("", squeeze, three, 3, init)) }),
  };
  // a single branch needs no concatenation, and in a Sequential it keeps the same path
  return one === 0 || three === 0 ? new Sequential(branches) : new Concatenated(branches);
}

function convolution(
  name: string,
  inputs: number,
  outputs: number,
  kernel: number,
  init: InitOptions,
): Record<string, Module> {
  return {
    [`conv${name}`]: new Conv2d(inputs, outputs, kernel, {
      ...{ ...init, padding: (kernel - 1) / 2, bias: false, initializer: kaimingNormal },
    }),
    [`bn${name}`]: new BatchNorm(outputs, init),
    [`relu${name}`]: new ReLU(),
  };
}
