/**
 * A convolution with batch norm that is trained beside another one and merged into it when training ends (Zhang et al.
 * 2023, SpRe). Merging only needs both to be linear in x: it is exact in evaluation mode.
 */
import { BATCH_NORM_EPSILON } from "../autograd/ops/batch-norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BatchNorm } from "./batch-norm.ts";
import { Conv2d } from "./conv2d.ts";
import type { InitOptions } from "./init-options.ts";
import { Module } from "./module.ts";
import { normalizedLayers } from "./normalized-layers.ts";

export class SpatialBranch extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm;

  constructor({ weight, stride, padding, initializer }: Conv2d, options: InitOptions = {}) {
    super();
    const [outputs, kernel, , inputs] = weight.shape;
    this.conv = new Conv2d(inputs, outputs, kernel, { ...options, stride, padding, bias: false, initializer });
    this.norm = new BatchNorm(outputs, options);
  }

  override forward(x: Tensor): Tensor {
    return this.norm.forward(this.conv.forward(x));
  }
}

/** A convolution and the batch norm right behind it, with their paths. */
export interface NormalizedConv {
  readonly path: string;
  readonly conv: Conv2d;
  readonly normPath: string;
  readonly norm: BatchNorm;
}

/** The 3x3 convolutions of a model that may have a branch. */
export function normalizedConvs(model: Module): NormalizedConv[] {
  return normalizedLayers(model).flatMap(({ path, layer, normPath, norm }) =>
    layer instanceof Conv2d && layer.groups === 1 && layer.weight.shape[1] === 3 && layer.bias === null
      ? [{ path, conv: layer, normPath, norm }]
      : [],
  );
}

/** The values with which one convolution and one batch norm compute what both pairs did. */
export interface Merged {
  readonly weight: Float32Array;
  /** The arrays of the batch norm, by their names in files. */
  readonly norm: Readonly<Record<"weight" | "bias" | "running_mean" | "running_var", Float32Array>>;
}

/**
 * `w` and `v` are the weights that the convolution and its branch multiply by. The scales of both batch norms go into
 * the weight, since dividing by the first one's gain could be a division by zero; what is left is a batch norm of
 * variance 1.
 */
export function merge(w: Float32Array, norm: BatchNorm, v: Float32Array, branchNorm: BatchNorm): Merged {
  const outputs = norm.weight.size;
  const of = ({ weight, bias, runningMean, runningVariance }: BatchNorm, o: number): [number, number, number] => [
    weight.data[o] / Math.sqrt(runningVariance.data[o] + BATCH_NORM_EPSILON),
    runningMean.data[o],
    bias.data[o],
  ];
  const k = w.length / outputs;
  const weight = new Float32Array(w.length);
  const [bias, runningMean] = [new Float32Array(outputs), new Float32Array(outputs)];
  for (let o = 0; o < outputs; o++) {
    const [scaleW, meanW, biasW] = of(norm, o);
    const [scaleV, meanV, biasV] = of(branchNorm, o);
    for (let i = o * k; i < (o + 1) * k; i++) weight[i] = scaleW * w[i] + scaleV * v[i];
    runningMean[o] = scaleW * meanW + scaleV * meanV;
    bias[o] = biasW + biasV;
  }
  const gain = new Float32Array(outputs).fill(Math.sqrt(1 + BATCH_NORM_EPSILON));
  const variance = new Float32Array(outputs).fill(1);
  return { weight, norm: { weight: gain, bias, running_mean: runningMean, running_var: variance } };
}
