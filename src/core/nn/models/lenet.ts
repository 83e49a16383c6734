import { requireOptions } from "../../options.ts";
import { ReLU } from "../activations.ts";
import { Conv2d } from "../conv2d.ts";
import { Flatten } from "../flatten.ts";
import { INIT_KEYS, type InitOptions } from "../init-options.ts";
import { Linear } from "../linear.ts";
import { MaxPool } from "../pooling.ts";
import { Sequential } from "../sequential.ts";

export type LenetWidths = readonly [filters1: number, filters2: number, hidden: number];

export interface LenetOptions extends InitOptions {
  /** Filters of the two convolutions and units of the hidden layer. Default 20, 50, 500. */
  readonly widths?: LenetWidths | undefined;
}

/**
 * The LeNet of Caffe's MNIST example, which structured sparsity learning prunes (Wen et al. 2016, section 4.1):
 * 20 and 50 filters of 5x5, 500 hidden units; its one ReLU sits behind the hidden layer.
 */
export function lenet(
  height: number,
  width: number,
  channels: number,
  classes: number,
  options: LenetOptions = {},
): Sequential {
  requireOptions("lenet", options, { ...INIT_KEYS, widths: true });
  const { widths: [filters1, filters2, hidden] = [20, 50, 500], ...init } = options;
  const left = (length: number): number => Math.floor((Math.floor((length - 4) / 2) - 4) / 2);
  return new Sequential({
    conv1: new Conv2d(channels, filters1, 5, init),
    pool1: new MaxPool(2),
    conv2: new Conv2d(filters1, filters2, 5, init),
    pool2: new MaxPool(2),
    flatten: new Flatten(),
    fc1: new Linear(filters2 * left(height) * left(width), hidden, init),
    relu1: new ReLU(),
    fc2: new Linear(hidden, classes, init),
  });
}
