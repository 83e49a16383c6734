/** Every differentiable operation. The gradient check goes through this table; an operation missing here is not public. */
import { add } from "./add.ts";
import { addBias } from "./add-bias.ts";
import { addRows } from "./add-rows.ts";
import { averagePool, globalAveragePool } from "./average-pool.ts";
import { batchNorm, batchNormPool } from "./batch-norm.ts";
import { binaryCrossEntropyWithLogits } from "./binary-cross-entropy.ts";
import { causalAttention } from "./causal-attention.ts";
import { concatenate } from "./concatenate.ts";
import { conv2d } from "./conv2d.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { detectionLoss } from "./detection-loss.ts";
import { dropout } from "./dropout.ts";
import { embedding } from "./embedding.ts";
import { flatten } from "./flatten.ts";
import { gatherColumns } from "./gather-columns.ts";
import { gelu } from "./gelu.ts";
import { layerNorm } from "./layer-norm.ts";
import { linear } from "./linear.ts";
import { maxPool } from "./max-pool.ts";
import { huber, mae, mse } from "./regression-losses.ts";
import { relu } from "./relu.ts";
import { reshape } from "./reshape.ts";
import { resizeChannels } from "./resize-channels.ts";
import { squaredRelu } from "./squared-relu.ts";

export const ops: {
  readonly add: typeof add;
  readonly addBias: typeof addBias;
  readonly addRows: typeof addRows;
  readonly averagePool: typeof averagePool;
  readonly batchNorm: typeof batchNorm;
  readonly batchNormPool: typeof batchNormPool;
  readonly binaryCrossEntropyWithLogits: typeof binaryCrossEntropyWithLogits;
  readonly causalAttention: typeof causalAttention;
  readonly concatenate: typeof concatenate;
  readonly conv2d: typeof conv2d;
  readonly crossEntropy: typeof crossEntropy;
  readonly detectionLoss: typeof detectionLoss;
  readonly dropout: typeof dropout;
  readonly embedding: typeof embedding;
  readonly flatten: typeof flatten;
  readonly gatherColumns: typeof gatherColumns;
  readonly gelu: typeof gelu;
  readonly globalAveragePool: typeof globalAveragePool;
  readonly huber: typeof huber;
  readonly layerNorm: typeof layerNorm;
  readonly linear: typeof linear;
  readonly mae: typeof mae;
  readonly maxPool: typeof maxPool;
  readonly mse: typeof mse;
  readonly relu: typeof relu;
  readonly reshape: typeof reshape;
  readonly resizeChannels: typeof resizeChannels;
  readonly squaredRelu: typeof squaredRelu;
} = {
  ...{
    add,
    addBias,
    addRows,
    averagePool,
    batchNorm,
    batchNormPool,
    binaryCrossEntropyWithLogits,
    causalAttention,
    concatenate,
    conv2d,
    crossEntropy,
    detectionLoss,
    dropout,
    embedding,
    flatten,
  },
  ...{
    gatherColumns,
    gelu,
    globalAveragePool,
    huber,
    layerNorm,
    linear,
    mae,
    maxPool,
    mse,
    relu,
    reshape,
    resizeChannels,
    squaredRelu,
  },
};

export type OpName = keyof typeof ops;
