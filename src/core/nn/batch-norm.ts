import {
  BATCH_NORM_POOL_KERNEL,
  batchNorm,
  batchNormInfer,
  batchNormPool,
  type RunningStatistics,
} from "../autograd/ops/batch-norm.ts";
import { checkSizes, requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, INIT_KEYS, type InitOptions } from "./init-options.ts";
import { Buffer, FusingModule } from "./module.ts";
import type { MaxPool } from "./pooling.ts";

/**
 * Batch normalization over all axes but the last, which has `channels` entries; epsilon 1e-5 and momentum 0.1, as in
 * PyTorch.
 */
export class BatchNorm extends FusingModule {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Buffer;
  readonly runningVariance: Buffer;
  /** Number of batches that the running statistics have seen; an array of one entry. */
  readonly batchesTracked: Buffer;

  constructor(channels: number, options: InitOptions = {}) {
    super();
    requireOptions("BatchNorm", options, INIT_KEYS);
    checkSizes("BatchNorm", { channels });
    const device = deviceOf(options);
    this.weight = new Parameter(device, [channels]);
    this.weight.data.fill(1);
    this.bias = new Parameter(device, [channels]);
    this.runningMean = new Buffer(device.kernels.float32(channels), { name: "running_mean" });
    this.runningVariance = new Buffer(device.kernels.float32(channels), { name: "running_var" });
    this.runningVariance.data.fill(1);
    const tracked = { name: "num_batches_tracked", shape: [], optional: true };
    this.batchesTracked = new Buffer(new Uint32Array(1), tracked);
  }

  override forward(x: Tensor, relu = false): Tensor {
    const form = this.training ? batchNorm : batchNormInfer;
    if (this.training) this.batchesTracked.data[0]++;
    return form(x, this.weight, this.bias, this.#running(), { relu });
  }

  /** Computes the pool of the ReLU of this layer's output, fused. */
  forwardPooled(x: Tensor, pool: MaxPool): Tensor {
    if (!this.training || pool.kernel > BATCH_NORM_POOL_KERNEL) return pool.forward(this.forward(x, true));
    const { kernel, stride, padding } = pool;
    this.batchesTracked.data[0]++;
    return batchNormPool(x, this.weight, this.bias, this.#running(), kernel, { stride, padding });
  }

  #running(): RunningStatistics {
    return { mean: this.runningMean.data as Float32Array, variance: this.runningVariance.data as Float32Array };
  }
}
