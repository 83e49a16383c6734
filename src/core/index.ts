/**
 * Everything of trisparse that training needs, in any runtime. The entry points of Node and of pages add how a device
 * is opened.
 */

export { add } from "./autograd/ops/add.ts";
export { addBias } from "./autograd/ops/add-bias.ts";
export { addRows } from "./autograd/ops/add-rows.ts";
export { div, mul, neg, pow, sub } from "./autograd/ops/arithmetic.ts";
export { averagePool, globalAveragePool } from "./autograd/ops/average-pool.ts";
export { batchNorm } from "./autograd/ops/batch-norm.ts";
export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
} from "./autograd/ops/binary-cross-entropy.ts";
export { broadcastTo } from "./autograd/ops/broadcast-to.ts";
export { causalAttention } from "./autograd/ops/causal-attention.ts";
export { concat } from "./autograd/ops/concat.ts";
export { type Conv2dWindow, conv2d } from "./autograd/ops/conv2d.ts";
export { type CrossEntropyOptions, crossEntropy } from "./autograd/ops/cross-entropy.ts";
export { type DetectionLossOptions, detectionLoss } from "./autograd/ops/detection-loss.ts";
export { dropout } from "./autograd/ops/dropout.ts";
export type { Operand } from "./autograd/ops/elementwise.ts";
export { embedding } from "./autograd/ops/embedding.ts";
export { flatten } from "./autograd/ops/flatten.ts";
export { abs, clamp, exp, log, sigmoid, sqrt, tanh } from "./autograd/ops/functions.ts";
export { gather } from "./autograd/ops/gather.ts";
export { gatherColumns } from "./autograd/ops/gather-columns.ts";
export { gelu } from "./autograd/ops/gelu.ts";
export { layerNorm } from "./autograd/ops/layer-norm.ts";
export { linear } from "./autograd/ops/linear.ts";
export type { Targets } from "./autograd/ops/loss.ts";
export { matmul } from "./autograd/ops/matmul.ts";
export { maxPool } from "./autograd/ops/max-pool.ts";
export { pad } from "./autograd/ops/pad.ts";
export { permute } from "./autograd/ops/permute.ts";
export { type Axes, max, mean, type ReduceOptions, sum } from "./autograd/ops/reduce.ts";
export { type HuberOptions, huber, mae, mse } from "./autograd/ops/regression-losses.ts";
export { relu } from "./autograd/ops/relu.ts";
export { reshape } from "./autograd/ops/reshape.ts";
export { resizeChannels } from "./autograd/ops/resize-channels.ts";
export { slice } from "./autograd/ops/slice.ts";
export { logSoftmax, softmax } from "./autograd/ops/softmax.ts";
export { squaredRelu } from "./autograd/ops/squared-relu.ts";
export { where } from "./autograd/ops/where.ts";
export { backward, record } from "./autograd/tape.ts";
export type { Kernels } from "./backend/kernels.ts";
export {
  WASM_FILES,
  WASM_INSTRUCTION_SETS,
  type WasmInstructionSet,
  wasmUrl,
} from "./backend/wasm.ts";
export type { Batch, Batches, BoxTargets, SplitName } from "./data/batches.ts";
export { type BatchesOptions, batchesOf } from "./data/batches-of.ts";
export { BoxBatches } from "./data/box-batches.ts";
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
} from "./data/dataset.ts";
export { type Augmentation, flipAndCrop, ImageBatches, type ImageBatchOptions } from "./data/image-batches.ts";
export { textDataset } from "./data/text-dataset.ts";
export { TokenBatches, type TokenBatchOptions } from "./data/token-batches.ts";
export { TrisparseError } from "./errors.ts";
export { encodeModel, type LoadModelOptions, loadModel, saveModel } from "./io/model-file.ts";
export { type DecodedTensor, decodeSafetensors, encodeSafetensors, type TensorData } from "./io/safetensors.ts";
export {
  type AveragePrecision,
  averagePrecision,
  type Box,
  type Detection,
  type Judged,
  suppress,
  type Truth,
} from "./metrics/average-precision.ts";
export { type CostOperand, type ProductCost, productCost, type SparseOperand } from "./metrics/cost.ts";
export {
  type CarriedMatch,
  type LayerPair,
  type Matching,
  type NeuronInputs,
  type NeuronMatch,
  networkNnstd,
  nnstd,
} from "./metrics/nnstd.ts";
export { hardnessOf, hardParameterEfficiency, parameterEfficiency } from "./metrics/parameter-efficiency.ts";
export { GELU, ReLU, SquaredReLU } from "./nn/activations.ts";
export { BatchNorm } from "./nn/batch-norm.ts";
export { CausalSelfAttention, type CausalSelfAttentionOptions } from "./nn/causal-self-attention.ts";
export {
  type ChannelGraph,
  type ChannelGroup,
  type ChannelUse,
  reorderChannels,
  type TracedOperation,
  traceChannels,
} from "./nn/channels.ts";
export type { Removal } from "./nn/compaction.ts";
export { Concatenated } from "./nn/concatenated.ts";
export { Conv2d, type Conv2dOptions } from "./nn/conv2d.ts";
export { copyOf } from "./nn/copy.ts";
export { Dropout } from "./nn/dropout.ts";
export { Embedding, type EmbeddingOptions } from "./nn/embedding.ts";
export { Flatten } from "./nn/flatten.ts";
export { GatheredLinear, gatherInputs } from "./nn/gathered-linear.ts";
export type { InitOptions } from "./nn/init-options.ts";
export {
  fanInUniform,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  xavierUniform,
  zeros,
} from "./nn/initializers.ts";
export { LayerNorm } from "./nn/layer-norm.ts";
export { Linear, type LinearOptions } from "./nn/linear.ts";
export { cnn } from "./nn/models/cnn.ts";
export { detector } from "./nn/models/detector.ts";
export { type GptOptions, gpt } from "./nn/models/gpt.ts";
export { type LenetOptions, type LenetWidths, lenet } from "./nn/models/lenet.ts";
export { type MlpOptions, mlp } from "./nn/models/mlp.ts";
export { type ResnetBlock, type ResnetWidths, resnet } from "./nn/models/resnet.ts";
export { type Fire, squeezenet } from "./nn/models/squeezenet.ts";
export { Buffer, type BufferOptions, FusingModule, Module } from "./nn/module.ts";
export { AveragePool, GlobalAveragePool, MaxPool, type PoolOptions } from "./nn/pooling.ts";
export { Residual, ShiftedShortcut, SubsamplingShortcut } from "./nn/residual.ts";
export { Sequential } from "./nn/sequential.ts";
export { loadState, type SavedState, type State, stateOf } from "./nn/state.ts";
export { type AdamWOptions, adamW } from "./optim/adamw.ts";
export { clipByGlobalNorm } from "./optim/clip.ts";
export { MovingAverage, type MovingAverageOptions } from "./optim/moving-average.ts";
export { Optimizer } from "./optim/optimizer.ts";
export { freezeZeros, type RegularizeOptions, regularize } from "./optim/regularize.ts";
export {
  type LearningRate,
  phased,
  type Schedule,
  stepwise,
  type WarmupCosineOptions,
  warmupCosine,
} from "./optim/schedule.ts";
export { type SgdOptions, sgd } from "./optim/sgd.ts";
export { chain, type OptimizerState, type PrunedDecay, type Slot, type Transform } from "./optim/transform.ts";
export type { NumberOption, Option, OptionSchema, OptionsOf, WordOption } from "./options.ts";
export { type Draw, Random } from "./random.ts";
export { decodeMatrix, type EncodedMatrix, encodedBytes, encodeMatrix } from "./sparse/formats/encoding.ts";
export { PackedMatrix, type PackedOperand } from "./sparse/formats/packed-matrix.ts";
export { PackedTranspose } from "./sparse/formats/packed-transpose.ts";
export { SlicedMatrix } from "./sparse/formats/sliced-matrix.ts";
export {
  blockCsr,
  countMatrix,
  type MatrixCounts,
  type StorageFormat,
  type StoredMatrix,
  storageFormats,
  storedBytes,
  structuredFormat,
} from "./sparse/formats/storage.ts";
export { countKept, divergence, type Verification, verifyMask, verifyValues } from "./sparse/mask.ts";
export { type Pattern, packedBytes, parsePattern, patternName } from "./sparse/pattern.ts";
export {
  keptMagnitude,
  type Permutation,
  type PermutationOptions,
  searchPermutation,
} from "./sparse/permutation/search.ts";
export { account, type LayerAccount, type ModelAccount, totalMacs } from "./sparsity/accounting.ts";
export { Dispatcher } from "./sparsity/dispatcher.ts";
export { magnitude } from "./sparsity/methods/activations/magnitude.ts";
export type { MethodFactory, WeightMethodFactory } from "./sparsity/methods/define-method.ts";
export { biMask } from "./sparsity/methods/input-grad/bi-mask.ts";
export { doublePruned } from "./sparsity/methods/input-grad/double-pruned.ts";
export { fstTransposed } from "./sparsity/methods/input-grad/fst-transposed.ts";
export { greedy as greedyInputGrad } from "./sparsity/methods/input-grad/greedy.ts";
export { mvue as mvueInputGrad } from "./sparsity/methods/input-grad/mvue.ts";
export type {
  ActivationMethod,
  InputGradMethod,
  SparseParameter,
  WeightGradMethod,
  WeightMethod,
} from "./sparsity/methods/method.ts";
export { type Folding, foldedGroupLasso } from "./sparsity/methods/structured/folded.ts";
export {
  blocks,
  type GroupStructure,
  groupCount,
  groupNorms,
  groupStructure,
  groupStructures,
  type WeightShape,
} from "./sparsity/methods/structured/groups.ts";
export { type LowRank, lowRank } from "./sparsity/methods/structured/low-rank.ts";
export {
  type GroupLassoOptions,
  groupLasso,
  l1,
  l2,
  type Penalty,
  sumOf,
} from "./sparsity/methods/structured/penalties.ts";
export { prune } from "./sparsity/methods/unstructured/prune.ts";
export { rigl } from "./sparsity/methods/unstructured/rigl.ts";
export { set } from "./sparsity/methods/unstructured/set.ts";
export type { UnstructuredMethod } from "./sparsity/methods/unstructured/unstructured-method.ts";
export { alternate } from "./sparsity/methods/weight-grad/alternate.ts";
export { approxMvue } from "./sparsity/methods/weight-grad/approx-mvue.ts";
export { greedy as greedyWeightGrad } from "./sparsity/methods/weight-grad/greedy.ts";
export { mvue } from "./sparsity/methods/weight-grad/mvue.ts";
export { paired } from "./sparsity/methods/weight-grad/paired.ts";
export { restored } from "./sparsity/methods/weight-grad/restored.ts";
export { asp } from "./sparsity/methods/weights/asp.ts";
export { ast } from "./sparsity/methods/weights/ast.ts";
export { dense } from "./sparsity/methods/weights/dense.ts";
export { domino } from "./sparsity/methods/weights/domino.ts";
export { lbc } from "./sparsity/methods/weights/lbc.ts";
export { maskDecay } from "./sparsity/methods/weights/mask-decay.ts";
export { maxq } from "./sparsity/methods/weights/maxq.ts";
export { weightMethods } from "./sparsity/methods/weights/methods.ts";
export { sSte } from "./sparsity/methods/weights/s-ste.ts";
export { spre } from "./sparsity/methods/weights/spre.ts";
export { srSte } from "./sparsity/methods/weights/sr-ste.ts";
export { ste } from "./sparsity/methods/weights/ste.ts";
export { step } from "./sparsity/methods/weights/step.ts";
export { structureDecay } from "./sparsity/methods/weights/structure-decay.ts";
export { transposable } from "./sparsity/methods/weights/transposable.ts";
export { type PermutedChannels, type PermuteOptions, permuteChannels } from "./sparsity/permute.ts";
export type { Compute, Computed, Coverage, LeaveDense, PlannedLayer, PlannedProduct } from "./sparsity/plan.ts";
export type { SparsityReport } from "./sparsity/report.ts";
export { Session, type SessionOptimizerOptions, type SessionVerification } from "./sparsity/session.ts";
export type { Sparsifier, VerifiedLayer } from "./sparsity/sparsifier.ts";
export { type SparseProducts, type SparsifyOptions, sparsify } from "./sparsity/sparsify.ts";
export { evaluate } from "./task/evaluate.ts";
export {
  type DetectionEvaluation,
  detections,
  type Evaluation,
  type ImageEvaluation,
  type Judge,
  type Objective,
  objectives,
  type TextEvaluation,
} from "./task/objective.ts";
export { type Clocks, Device, type DeviceOptions } from "./tensor/device.ts";
export { PRECISIONS, type Precision } from "./tensor/precision.ts";
export { Parameter, type Shape, Tensor, tensor } from "./tensor/tensor.ts";
