/**
 * All differentiable operations. The gradient check goes through this table; an operation missing here is not public.
 */
import { add } from "./add.ts";
import { addBias } from "./add-bias.ts";
import { addRows } from "./add-rows.ts";
import { div, mul, neg, pow, sub } from "./arithmetic.ts";
import { averagePool, globalAveragePool } from "./average-pool.ts";
import { batchNorm, batchNormPool } from "./batch-norm.ts";
import { binaryCrossEntropyWithLogits } from "./binary-cross-entropy.ts";
import { broadcastTo } from "./broadcast-to.ts";
import { causalAttention } from "./causal-attention.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./conv2d.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { detectionLoss } from "./detection-loss.ts";
import { dropout } from "./dropout.ts";
import { embedding } from "./embedding.ts";
import { flatten } from "./flatten.ts";
import { abs, clamp, exp, log, sigmoid, sqrt, tanh } from "./functions.ts";
import { gather } from "./gather.ts";
import { gatherColumns } from "./gather-columns.ts";
import { gelu } from "./gelu.ts";
import { layerNorm } from "./layer-norm.ts";
import { linear } from "./linear.ts";
import { matmul } from "./matmul.ts";
import { maxPool } from "./max-pool.ts";
import { pad } from "./pad.ts";
import { permute } from "./permute.ts";
import { max, mean, sum } from "./reduce.ts";
import { huber, mae, mse } from "./regression-losses.ts";
import { relu } from "./relu.ts";
import { reshape } from "./reshape.ts";
import { resizeChannels } from "./resize-channels.ts";
import { slice } from "./slice.ts";
import { logSoftmax, softmax } from "./softmax.ts";
import { squaredRelu } from "./squared-relu.ts";
import { where } from "./where.ts";

export const ops: {
  readonly abs: typeof abs;
  readonly add: typeof add;
  readonly addBias: typeof addBias;
  readonly addRows: typeof addRows;
  readonly averagePool: typeof averagePool;
  readonly batchNorm: typeof batchNorm;
  readonly batchNormPool: typeof batchNormPool;
  readonly binaryCrossEntropyWithLogits: typeof binaryCrossEntropyWithLogits;
  readonly broadcastTo: typeof broadcastTo;
  readonly causalAttention: typeof causalAttention;
  readonly clamp: typeof clamp;
  readonly concat: typeof concat;
  readonly conv2d: typeof conv2d;
  readonly crossEntropy: typeof crossEntropy;
  readonly detectionLoss: typeof detectionLoss;
  readonly div: typeof div;
  readonly dropout: typeof dropout;
  readonly embedding: typeof embedding;
  readonly exp: typeof exp;
  readonly flatten: typeof flatten;
  readonly gather: typeof gather;
  readonly gatherColumns: typeof gatherColumns;
  readonly gelu: typeof gelu;
  readonly globalAveragePool: typeof globalAveragePool;
  readonly huber: typeof huber;
  readonly layerNorm: typeof layerNorm;
  readonly linear: typeof linear;
  readonly log: typeof log;
  readonly logSoftmax: typeof logSoftmax;
  readonly mae: typeof mae;
  readonly matmul: typeof matmul;
  readonly max: typeof max;
  readonly maxPool: typeof maxPool;
  readonly mean: typeof mean;
  readonly mse: typeof mse;
  readonly mul: typeof mul;
  readonly neg: typeof neg;
  readonly pad: typeof pad;
  readonly permute: typeof permute;
  readonly pow: typeof pow;
  readonly relu: typeof relu;
  readonly reshape: typeof reshape;
  readonly resizeChannels: typeof resizeChannels;
  readonly sigmoid: typeof sigmoid;
  readonly slice: typeof slice;
  readonly softmax: typeof softmax;
  readonly sqrt: typeof sqrt;
  readonly squaredRelu: typeof squaredRelu;
  readonly sub: typeof sub;
  readonly sum: typeof sum;
  readonly tanh: typeof tanh;
  readonly where: typeof where;
} = {
  ...{ abs, add, addBias, addRows, averagePool, batchNorm, batchNormPool, binaryCrossEntropyWithLogits },
  ...{ broadcastTo, causalAttention, clamp, concat, conv2d, crossEntropy, detectionLoss, div },
  ...{ dropout, embedding, exp, flatten, gather, gatherColumns, gelu, globalAveragePool },
  ...{ huber, layerNorm, linear, log, logSoftmax, mae, matmul, max },
  ...{ maxPool, mean, mse, mul, neg, pad, permute, pow },
  ...{ relu, reshape, resizeChannels, sigmoid, slice, softmax, sqrt, squaredRelu },
  ...{ sub, sum, tanh, where },
};

export type OpName = keyof typeof ops;
