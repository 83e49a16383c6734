/** Every differentiable operation. The gradient check goes through this table; an operation missing here is not public. */
import { add } from "./add.ts";
import { averagePool, globalAveragePool } from "./average-pool.ts";
import { batchNorm, batchNormPool } from "./batch-norm.ts";
import { conv2d } from "./conv2d.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { dropout } from "./dropout.ts";
import { gelu } from "./gelu.ts";
import { linear } from "./linear.ts";
import { maxPool } from "./max-pool.ts";
import { relu } from "./relu.ts";
import { reshape } from "./reshape.ts";
import { resizeChannels } from "./resize-channels.ts";

export const ops: {
  readonly add: typeof add;
  readonly averagePool: typeof averagePool;
  readonly batchNorm: typeof batchNorm;
  readonly batchNormPool: typeof batchNormPool;
  readonly conv2d: typeof conv2d;
  readonly crossEntropy: typeof crossEntropy;
  readonly dropout: typeof dropout;
  readonly gelu: typeof gelu;
  readonly globalAveragePool: typeof globalAveragePool;
  readonly linear: typeof linear;
  readonly maxPool: typeof maxPool;
  readonly relu: typeof relu;
  readonly reshape: typeof reshape;
  readonly resizeChannels: typeof resizeChannels;
} = {
  ...{ add, averagePool, batchNorm, batchNormPool, conv2d, crossEntropy, dropout, gelu },
  ...{ globalAveragePool, linear, maxPool, relu, reshape, resizeChannels },
};

export type OpName = keyof typeof ops;
