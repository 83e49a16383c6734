import { ReLU } from "../activations.ts";
import { Conv2d } from "../conv2d.ts";
import { Flatten } from "../flatten.ts";
import { Linear } from "../linear.ts";
import type { Birth } from "../module.ts";
import { MaxPool } from "../pooling.ts";
import { Sequential } from "../sequential.ts";

/**
 * The LeNet of Caffe's MNIST example, which structured sparsity learning prunes (Wen et al. 2016, section 4.1):
 * 20 and 50 filters of 5x5, 500 hidden units; its one ReLU sits behind the hidden layer.
 */
export function lenet(height: number, width: number, channels: number, classes: number, birth: Birth): Sequential {
  const left = (length: number): number => Math.floor((Math.floor((length - 4) / 2) - 4) / 2);
  return new Sequential({
    conv1: new Conv2d(channels, 20, 5, birth),
    pool1: new MaxPool(2),
    conv2: new Conv2d(20, 50, 5, birth),
    pool2: new MaxPool(2),
    flatten: new Flatten(),
    fc1: new Linear(50 * left(height) * left(width), 500, birth),
    relu1: new ReLU(),
    fc2: new Linear(500, classes, birth),
  });
}
