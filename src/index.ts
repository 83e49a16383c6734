/** trisparse as a library. */

import { Device } from "./core/tensor/device.ts";
import { pick } from "./node/pick.ts";

export { add } from "./core/autograd/ops/add.ts";
export { addBias } from "./core/autograd/ops/add-bias.ts";
export { addRows } from "./core/autograd/ops/add-rows.ts";
export { averagePool, globalAveragePool } from "./core/autograd/ops/average-pool.ts";
export { batchNorm } from "./core/autograd/ops/batch-norm.ts";
export { causalAttention } from "./core/autograd/ops/causal-attention.ts";
export { concatenate } from "./core/autograd/ops/concatenate.ts";
export { conv2d } from "./core/autograd/ops/conv2d.ts";
export { crossEntropy } from "./core/autograd/ops/cross-entropy.ts";
export { type DetectionLossOptions, detectionLoss } from "./core/autograd/ops/detection-loss.ts";
export { dropout } from "./core/autograd/ops/dropout.ts";
export { embedding } from "./core/autograd/ops/embedding.ts";
export { flatten } from "./core/autograd/ops/flatten.ts";
export { gatherColumns } from "./core/autograd/ops/gather-columns.ts";
export { gelu } from "./core/autograd/ops/gelu.ts";
export { layerNorm } from "./core/autograd/ops/layer-norm.ts";
export { linear } from "./core/autograd/ops/linear.ts";
export { maxPool } from "./core/autograd/ops/max-pool.ts";
export { relu } from "./core/autograd/ops/relu.ts";
export { reshape } from "./core/autograd/ops/reshape.ts";
export { resizeChannels } from "./core/autograd/ops/resize-channels.ts";
export { squaredRelu } from "./core/autograd/ops/squared-relu.ts";
export { backward, record } from "./core/autograd/tape.ts";
export type { Kernels } from "./core/backend/kernels.ts";
export type { Batch, Batches, BoxTargets, SplitName } from "./core/data/batches.ts";
export { type BatchesOptions, batchesOf } from "./core/data/batches-of.ts";
export { BoxBatches } from "./core/data/box-batches.ts";
export {
  type BoxDataset,
  type BoxedObject,
  type BoxSplit,
  type BoxTask,
  boxDataset,
  type DataSource,
  type Dataset,
  type ImageDataset,
  type ImageTask,
  type LoadOptions,
  type Split,
  type Task,
  type TextDataset,
  type TextTask,
} from "./core/data/dataset.ts";
export { type Augmentation, flipAndCrop, ImageBatches, type ImageBatchOptions } from "./core/data/image-batches.ts";
export { textDataset } from "./core/data/text-dataset.ts";
export { TokenBatches, type TokenBatchOptions } from "./core/data/token-batches.ts";
export { TrisparseError } from "./core/errors.ts";
export { encodeModel, type LoadModelOptions, loadModel, saveModel } from "./core/io/model-file.ts";
export { type DecodedTensor, decodeSafetensors, encodeSafetensors, type TensorData } from "./core/io/safetensors.ts";
export {
  type AveragePrecision,
  averagePrecision,
  type Box,
  type Detection,
  type Judged,
  suppress,
  type Truth,
} from "./core/metrics/average-precision.ts";
export { type CostOperand, type ProductCost, productCost, type SparseOperand } from "./core/metrics/cost.ts";
export { nnstd } from "./core/metrics/nnstd.ts";
export { hardnessOf, hardParameterEfficiency, parameterEfficiency } from "./core/metrics/parameter-efficiency.ts";
export { GELU, ReLU, SquaredReLU } from "./core/nn/activations.ts";
export { BatchNorm } from "./core/nn/batch-norm.ts";
export { CausalSelfAttention } from "./core/nn/causal-self-attention.ts";
export {
  type ChannelGraph,
  type ChannelGroup,
  type ChannelUse,
  reorderChannels,
  type TracedOperation,
  traceChannels,
} from "./core/nn/channels.ts";
export type { Removal } from "./core/nn/compaction.ts";
export { Concatenated } from "./core/nn/concatenated.ts";
export { Conv2d, type Conv2dOptions } from "./core/nn/conv2d.ts";
export { Dropout } from "./core/nn/dropout.ts";
export { Embedding } from "./core/nn/embedding.ts";
export { Flatten } from "./core/nn/flatten.ts";
export { GatheredLinear, gatherInputs } from "./core/nn/gathered-linear.ts";
export {
  fanInUniform,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  xavierUniform,
  zeros,
} from "./core/nn/initializers.ts";
export { LayerNorm } from "./core/nn/layer-norm.ts";
export { Linear, type LinearOptions } from "./core/nn/linear.ts";
export { cnn } from "./core/nn/models/cnn.ts";
export { detector } from "./core/nn/models/detector.ts";
export { type GptOptions, gpt } from "./core/nn/models/gpt.ts";
export { type LenetWidths, lenet } from "./core/nn/models/lenet.ts";
export { mlp } from "./core/nn/models/mlp.ts";
export { type ResnetBlock, type ResnetWidths, resnet } from "./core/nn/models/resnet.ts";
export { type Fire, squeezenet } from "./core/nn/models/squeezenet.ts";
export { Buffer, type BufferOptions, FusingModule, type InitOptions, Module } from "./core/nn/module.ts";
export { AveragePool, GlobalAveragePool, MaxPool, type PoolOptions } from "./core/nn/pooling.ts";
export { Residual, ShiftedShortcut, SubsamplingShortcut } from "./core/nn/residual.ts";
export { Sequential } from "./core/nn/sequential.ts";
export { loadState, type SavedState, type State, stateOf } from "./core/nn/state.ts";
export { type AdamWOptions, adamW } from "./core/optim/adamw.ts";
export { clipByGlobalNorm } from "./core/optim/clip.ts";
export { Optimizer } from "./core/optim/optimizer.ts";
export { freezeZeros, type RegularizeOptions, regularize } from "./core/optim/regularize.ts";
export {
  type LearningRate,
  phased,
  type Schedule,
  stepwise,
  type WarmupCosineOptions,
  warmupCosine,
} from "./core/optim/schedule.ts";
export { type SgdOptions, sgd } from "./core/optim/sgd.ts";
export { chain, type Memory, type PrunedDecay, type Slot, type Transform } from "./core/optim/transform.ts";
export type { NumberOption, Option, OptionSchema, OptionsOf, WordOption } from "./core/options.ts";
export { type Draw, Random } from "./core/random.ts";
export { type CompactMatrix, compactBytes, decodeCompact, encodeCompact } from "./core/sparse/formats/compact.ts";
export { PackedMatrix, type PackedOperand } from "./core/sparse/formats/packed-matrix.ts";
export { PackedTranspose } from "./core/sparse/formats/packed-transpose.ts";
export { SlicedMatrix } from "./core/sparse/formats/sliced-matrix.ts";
export {
  blockCsr,
  countMatrix,
  type MatrixCounts,
  type StorageFormat,
  type StoredMatrix,
  storageFormats,
  storedBytes,
  structuredFormat,
} from "./core/sparse/formats/storage.ts";
export { countKept, divergence, type Verification, verifyMask, verifyValues } from "./core/sparse/mask.ts";
export { type Pattern, packedBytes, parsePattern, patternName } from "./core/sparse/pattern.ts";
export {
  keptMagnitude,
  type Permutation,
  type PermutationOptions,
  searchPermutation,
} from "./core/sparse/permutation/search.ts";
export { account, type LayerAccount, type ModelAccount, totalMacs } from "./core/sparsity/accounting.ts";
export { Dispatcher } from "./core/sparsity/dispatcher.ts";
export { magnitude } from "./core/sparsity/methods/activations/magnitude.ts";
export type { MethodFactory, WeightMethodFactory } from "./core/sparsity/methods/define-method.ts";
export { doublePruned } from "./core/sparsity/methods/input-grad/double-pruned.ts";
export type {
  ActivationMethod,
  InputGradMethod,
  WeightGradMethod,
  WeightMethod,
  WeightSite,
} from "./core/sparsity/methods/method.ts";
export { type Folding, foldedGroupLasso } from "./core/sparsity/methods/structured/folded.ts";
export {
  blocks,
  type GroupStructure,
  groupCount,
  groupNorms,
  groupStructure,
  groupStructures,
  type WeightShape,
} from "./core/sparsity/methods/structured/groups.ts";
export { type LowRank, lowRank } from "./core/sparsity/methods/structured/low-rank.ts";
export {
  type GroupLassoOptions,
  groupLasso,
  l1,
  l2,
  type Penalty,
  sumOf,
} from "./core/sparsity/methods/structured/penalties.ts";
export { mvue } from "./core/sparsity/methods/weight-grad/mvue.ts";
export { asp } from "./core/sparsity/methods/weights/asp.ts";
export { dense } from "./core/sparsity/methods/weights/dense.ts";
export { weightMethods } from "./core/sparsity/methods/weights/methods.ts";
export { srSte } from "./core/sparsity/methods/weights/sr-ste.ts";
export { ste } from "./core/sparsity/methods/weights/ste.ts";
export { type PermutedChannels, type PermuteOptions, permuteChannels } from "./core/sparsity/permute.ts";
export type { PlannedLayer, PlannedProduct, Route, Routing } from "./core/sparsity/plan.ts";
export type { SparsityReport } from "./core/sparsity/report.ts";
export { Session, type SessionOptimizerOptions } from "./core/sparsity/session.ts";
export type { Sparsifier, VerifiedLayer } from "./core/sparsity/sparsifier.ts";
export { type SparseProducts, type SparsifyOptions, sparsify } from "./core/sparsity/sparsify.ts";
export { evaluate } from "./core/task/evaluate.ts";
export {
  type DetectionEvaluation,
  detections,
  type Evaluation,
  type ImageEvaluation,
  type Judge,
  type Objective,
  objectives,
  type TextEvaluation,
} from "./core/task/objective.ts";
export type { Clocks } from "./core/tensor/device.ts";
export { Parameter, type Shape, Tensor, tensor } from "./core/tensor/tensor.ts";
export { type Compacted, compact } from "./lab/compression/compact.ts";
export { loadData } from "./lab/data/sources.ts";
export { parseRecipe, type Recipe, recipeSchema } from "./lab/recipes/recipe.ts";
export { Run, type StepRecord } from "./lab/runs/run.ts";
export { Device };

/** Opens the fastest backend that works here, or the one asked for; see TRISPARSE_BACKEND and TRISPARSE_THREADS. */
export function openDevice(options: Parameters<typeof pick>[0] = {}): Device {
  return new Device(pick(options).kernels);
}
