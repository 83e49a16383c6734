import { expected } from "../../errors.ts";
import { ReLU } from "../activations.ts";
import { BatchNorm } from "../batch-norm.ts";
import { Conv2d } from "../conv2d.ts";
import { kaimingNormal } from "../initialisers.ts";
import { Linear } from "../linear.ts";
import type { Birth, Module } from "../module.ts";
import { GlobalAveragePool } from "../pooling.ts";
import { Residual, SubsamplingShortcut } from "../residual.ts";
import { Sequential } from "../sequential.ts";

/** The CIFAR ResNet of depth 6n + 2 with 16, 32, 64 channels (He et al. 2016, section 4.2; shortcuts of option A). */
export function resnet(depth: number, channels: number, classes: number, birth: Birth): Sequential {
  if (depth < 8 || (depth - 2) % 6 !== 0) {
    throw expected("resnet", "a depth of 6n + 2 (8, 20, 32, 44, 56)", String(depth), "Choose one of these");
  }
  const conv = (inputs: number, outputs: number, stride: number): Conv2d =>
    new Conv2d(inputs, outputs, 3, birth, { stride, padding: 1, bias: false, initialiser: kaimingNormal });
  const block = (inputs: number, outputs: number, stride: number): Residual =>
    new Residual(
      new Sequential({
        conv1: conv(inputs, outputs, stride),
        bn1: new BatchNorm(outputs, birth),
        relu1: new ReLU(),
        conv2: conv(outputs, outputs, 1),
        bn2: new BatchNorm(outputs, birth),
      }),
      stride === 1 && inputs === outputs ? null : new SubsamplingShortcut(stride, outputs),
    );
  const layers: Record<string, Module> = {
    conv1: conv(channels, 16, 1),
    bn1: new BatchNorm(16, birth),
    relu1: new ReLU(),
  };
  let inputs = 16;
  let number = 0;
  for (const width of [16, 32, 64]) {
    for (let i = 0; i < (depth - 2) / 6; i++) {
      layers[`block${++number}`] = block(inputs, width, i === 0 && width > 16 ? 2 : 1);
      inputs = width;
    }
  }
  return new Sequential({ ...layers, average: new GlobalAveragePool(), fc: new Linear(64, classes, birth) });
}
