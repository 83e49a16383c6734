import { expected } from "../../errors.ts";
import { requireOptions } from "../../options.ts";
import { ReLU } from "../activations.ts";
import { BatchNorm } from "../batch-norm.ts";
import { Conv2d } from "../conv2d.ts";
import { INIT_KEYS, type InitOptions } from "../init-options.ts";
import { kaimingNormal } from "../initializers.ts";
import { Linear } from "../linear.ts";
import type { Module } from "../module.ts";
import { GlobalAveragePool } from "../pooling.ts";
import { Residual, ShiftedShortcut, SubsamplingShortcut } from "../residual.ts";
import { Sequential } from "../sequential.ts";

/**
 * A residual block: a number gives the channels within its body; "constant" is the shortcut plus a constant for each
 * channel; "shortcut" is the shortcut alone.
 */
export type ResnetBlock = number | "constant" | "shortcut";

export interface ResnetWidths {
  /** Channels of the three stages; none is smaller than the one before. Default 16, 32, 64. */
  readonly widths?: readonly [number, number, number] | undefined;
  /** The blocks in order. Default: each block is as wide as its stage. */
  readonly blocks?: readonly ResnetBlock[] | undefined;
}

const STAGES = [16, 32, 64] as const;

/** The blocks of a network of this depth; each is as wide as its stage if `blocks` is not given. */
export function blocksOf(depth: number, { widths = STAGES, blocks }: ResnetWidths): readonly ResnetBlock[] {
  return blocks ?? widths.flatMap((width) => Array<number>((depth - 2) / 6).fill(width));
}

/** The CIFAR ResNet of depth 6n + 2 with 16, 32, 64 channels (He et al. 2016, section 4.2; shortcuts of option A). */
export function resnet(
  depth: number,
  channels: number,
  classes: number,
  options: ResnetWidths & InitOptions = {},
): Sequential {
  requireOptions("resnet", options, { ...INIT_KEYS, widths: true, blocks: true });
  const { widths = STAGES, blocks, ...init } = options;
  if (depth < 8 || (depth - 2) % 6 !== 0) {
    throw expected("resnet", "a depth of 6n + 2 (8, 14, 20, 32, 44, 56)", String(depth), "Choose one of these");
  }
  const count = (depth - 2) / 2;
  if (blocks !== undefined && blocks.length !== count) {
    throw expected("resnet", `${count} blocks for a depth of ${depth}`, String(blocks.length), "Name each, or none");
  }
  const layers: Record<string, Module> = {
    conv1: conv(channels, widths[0], 1, init),
    bn1: new BatchNorm(widths[0], init),
    relu1: new ReLU(),
  };
  const inner = blocksOf(depth, { widths, blocks });
  let inputs = widths[0];
  for (let i = 0; i < count; i++) {
    const stage = Math.floor((3 * i) / count);
    const outputs = widths[stage];
    const stride = stage > 0 && (3 * i) % count === 0 ? 2 : 1;
    const block = blockOf(inner[i], inputs, outputs, stride, init);
    // blocks keep their numbers in the whole network: a model without block 2 has a block 3
    if (block !== null) layers[`block${i + 1}`] = block;
    inputs = outputs;
  }
  return new Sequential({ ...layers, average: new GlobalAveragePool(), fc: new Linear(inputs, classes, init) });
}

function blockOf(
  block: ResnetBlock,
  inputs: number,
  outputs: number,
  stride: number,
  init: InitOptions,
): Module | null {
  const shortcut = stride === 1 ? null : new SubsamplingShortcut(stride, outputs);
  if (block === "shortcut") return shortcut;
  if (block === "constant") return new ShiftedShortcut(outputs, shortcut, init);
  const body = new Sequential({
    conv1: conv(inputs, block, stride, init),
    bn1: new BatchNorm(block, init),
    relu1: new ReLU(),
    conv2: conv(block, outputs, 1, init),
    bn2: new BatchNorm(outputs, init),
  });
  return new Residual(body, shortcut);
}

function conv(inputs: number, outputs: number, stride: number, init: InitOptions): Conv2d {
  return new Conv2d(inputs, outputs, 3, { ...init, stride, padding: 1, bias: false, initializer: kaimingNormal });
}
