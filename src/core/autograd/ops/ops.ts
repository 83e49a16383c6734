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

export const ops = {
  ...{ abs, add, addBias, addRows, averagePool, batchNorm, batchNormPool, binaryCrossEntropyWithLogits },
  ...{ broadcastTo, causalAttention, clamp, concat, conv2d, crossEntropy, detectionLoss, div },
  ...{ dropout, embedding, exp, flatten, gather, gatherColumns, gelu, globalAveragePool },
  ...{ huber, layerNorm, linear, log, logSoftmax, mae, matmul, max },
  ...{ maxPool, mean, mse, mul, neg, pad, permute, pow },
  ...{ relu, reshape, resizeChannels, sigmoid, slice, softmax, sqrt, squaredRelu },
  ...{ sub, sum, tanh, where },
};

export type OpName = keyof typeof ops;
