/**
 * The kernel contract: every numeric loop of a training step, behind one interface with three backends.
 * A backend is a set of functions over typed arrays; outputs are written in place, nothing is allocated for the caller,
 * nothing is thrown. Shapes are the caller's duty (the ops check them). `js` is the oracle: short and obviously right.
 * native/kernels.def is the same list for C++; the order of arguments is the same everywhere.
 *
 * Legend: T, I, O = batch*outHeight*outWidth, kernelHeight*kernelWidth*channels, out; activations are channels-last,
 * weights [O, kernelHeight, kernelWidth, channels]; "| null" arguments may be left out.
 */

export type F32 = Float32Array;

/** The three products of training: y = x w^T, dx = dy w, dw = dy^T x. */
export const PRODUCTS = ["forward", "inputGrad", "weightGrad"] as const;
export type Product = (typeof PRODUCTS)[number];

/** Eleven integers: batch height width channels kernelHeight kernelWidth stride padding outHeight outWidth out. */
export type Geometry = Int32Array;

/** The geometry of Y = X W^T with X [rows, inputs], W [outputs, inputs]. */
export function matrixGeometry(rows: number, inputs: number, outputs: number): Geometry {
  return Int32Array.of(rows, 1, 1, inputs, 1, 1, 1, 0, 1, 1, outputs);
}

/** Whether output positions have neighbors in a row of an image. */
/**
 * The geometry of dx as the forward product of dy with the taps of w the other way round: stride 1, square kernels, padding
 * below the kernel.
 */
export function inputGradGeometry(g: Geometry): Geometry {
  const [batch, height, width, channels, kernel, , , padding, outHeight, outWidth, out] = g;
  const turned = kernel - 1 - padding;
  return Int32Array.of(batch, outHeight, outWidth, out, kernel, kernel, 1, turned, height, width, channels);
}

export function hasRows(g: Geometry): boolean {
  return g[9] > 1;
}

/** Rows of K in one block of a pack: 128 rounded down to whole groups of m. Must equal native/body/pack.inl. */
export function packBlock(m: number): number {
  return 128 - (128 % m);
}

/** Columns of one block of compressed rows. Must equal native/body/csr.inl. */
export const CSR_BLOCK = 128;

/** Rows side by side in a slice, see native/body/slices.inl. */
export const SLICE = 16;

/** 32-bit words that hold the places of one row of a slice: 2 bits each for m <= 4, else 4. */
export function placeWords(k: number, n: number, m: number): number {
  return Math.ceil(((k / m) * n) / (m <= 4 ? 16 : 8));
}

/** 32-bit words of one mask row: rows start on a word. */
export function maskWords(k: number): number {
  return Math.ceil(k / 32);
}

export interface Kernels {
  readonly backend: "native" | "wasm" | "js";
  /** What runs: "avx512", "avx2", "neon", "sse2", "simd128" or "scalar". */
  readonly instructionSet: string;
  readonly threads: number;
  /** Multiply-adds that the GEMM kernels have executed so far: the proof that a sparse product skipped its zeros. */
  multiplies(): number;

  /** Zeroed memory of this backend; only such arrays may be passed to its kernels. */
  float32(length: number): F32;
  uint8(length: number): Uint8Array;
  uint32(length: number): Uint32Array;
  int32(length: number): Int32Array;
  float64(length: number): Float64Array;

  /** y [T, O] = im2col(x) w^T + bias, then max(0, .) if relu. */
  forward(y: F32, x: F32, w: F32, bias: F32 | null, g: Geometry, relu: number): void;
  /** dx [batch, height, width, channels] = col2im(dy w). */
  inputGrad(dx: F32, dy: F32, w: F32, g: Geometry): void;
  /** dw [O, I] = dy^T im2col(x). The order of additions depends on the shape alone. */
  weightGrad(dw: F32, dy: F32, x: F32, g: Geometry): void;
  /** forward with w [O, I] packed n:m along I. */
  forwardSparse(
    y: F32,
    x: F32,
    values: F32,
    index: Uint8Array,
    bias: F32 | null,
    g: Geometry,
    relu: number,
    n: number,
    m: number,
    v: number,
  ): void;
  /** inputGrad with w packed as its transpose [channels, kernel * O], n:m along kernel * O; m divides O. */
  inputGradSparse(dx: F32, dy: F32, values: F32, index: Uint8Array, g: Geometry, n: number, m: number, v: number): void;
  /** weightGrad with dy packed as its transpose [O, T], n:m along T. */
  weightGradSparse(dw: F32, values: F32, index: Uint8Array, x: F32, g: Geometry, n: number, m: number, v: number): void;
  /** y [t, out] = x w^T + bias, then max(0, .) if relu, with x [t, k] packed n:m along k and w [out, k] dense. */
  forwardSparseActivations(
    y: F32,
    values: F32,
    index: Uint8Array,
    w: F32,
    bias: F32 | null,
    t: number,
    k: number,
    out: number,
    relu: number,
    n: number,
    m: number,
    v: number,
  ): void;
  /**
   * y [t, out] = x [t, k] w^T + bias, then max(0, .) if relu, with w in slices. For few rows of x, where reading the
   * weights is the limit; right for any number.
   */
  forwardSlices(
    y: F32,
    x: F32,
    values: F32,
    places: Uint32Array,
    bias: F32 | null,
    t: number,
    k: number,
    out: number,
    relu: number,
    n: number,
    m: number,
  ): void;
  /**
   * forward with the non-zeros of w [O, I] in compressed rows of blocks of I: values, and index within the block,
   * [block][row][entry]; starts [block][row] and one more, into both.
   */
  forwardCsr(
    y: F32,
    x: F32,
    values: F32,
    index: Uint8Array,
    starts: Uint32Array,
    bias: F32 | null,
    g: Geometry,
    relu: number,
  ): void;
  /** weightGrad at the entries of compressed rows, places as forwardCsr has them; 0 elsewhere. */
  weightGradCsr(dw: F32, dy: F32, x: F32, index: Uint8Array, starts: Uint32Array, g: Geometry): void;

  /**
   * The weight gradient under a fixed mask that keeps one of each two neighboring positions, dw = scale * sum over the
   * kept j of (dy[j] + restore * dy[i])^T im2col(x)[j], where i is j's neighbor that is not: x[j] stands for restore of
   * x[i]. Neighbors are the pairs of output columns (0, 1), (2, 3), ... of an image row; of a linear layer (one output
   * position an image) of the batch. The last of an odd row has none: it is kept, with neither scale nor restoration.
   * mask: 0 keeps the even of each pair, 1 the odd; 2 even in even rows and odd in odd ones, 3 the reverse; 4 odd in the
   * pairs 0 and 1 of a row, even in 2 and 3, and so on. With restore 0 the dropped are not read.
   */
  weightGradAlternate(dw: F32, dy: F32, x: F32, g: Geometry, mask: number, restore: number, scale: number): void;

  /**
   * Keeps the n largest |w| of each m along k (v > 1: by the sum of |w| over v neighboring rows; ties keep the lower
   * index), and writes the pack, the mask and, if wanted, the masked dense copy. w [rows, k], k % m == 0.
   * soft: 0 keeps values as they are. Else what is kept moves towards zero by the largest score that is not, but not
   * beyond, and is multiplied by soft: (|w| - t) soft with w's sign, for v > 1 w ((s - t) / s) soft with scores s (Hu et
   * al. 2024, S-STE).
   */
  pruneRows(
    values: F32,
    index: Uint8Array,
    mask: Uint32Array,
    masked: F32 | null,
    w: F32,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    soft: number,
  ): void;
  /** The same under a given mask with exactly n kept in each m; v rows must share their support. */
  packRows(
    values: F32,
    index: Uint8Array,
    masked: F32 | null,
    w: F32,
    mask: Uint32Array,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    soft: number,
  ): void;
  /**
   * A mask of w [rows, k], both multiples of m, that keeps in each m x m block exactly n of every row and of every column
   * (Hubara et al. 2021): packRows and pruneColumns both take it. NaN is above infinity. solver, a place in
   * TRANSPOSABLE_SOLVERS: 0 the largest sum of |w|; 1 heavy entries first, at least half of that sum, and at most twice
   * as much pruned. What 1 leaves short of n it fills up; where that would lose weight the block is solved as by 0.
   * Ties: see the oracle. The largest 2:4 is of all 90 patterns, by
   * sums |a| + |b| in a row, then two rows, then both halves, in single precision; of equals it is the first way in which
   * rows 0 and 1 use the columns, and in each half the first pattern.
   */
  pruneTransposable(mask: Uint32Array, w: F32, rows: number, k: number, n: number, m: number, solver: number): void;
  /**
   * The pack of the transpose of w [k / taps, taps, rows], pruned n:m by magnitude along k (v neighboring rows share a
   * choice; ties keep the lower index): what inputGradSparse takes, with rows the channels and k = taps * out.
   * k / taps is a multiple of m. mask: of w as [k / taps, taps * rows]; what it does not keep counts as zero.
   * order: position i of k is order[i], which is of the same pack block; groups are of neighbors in that order, and so
   * are slots: their index is the true position, which need not ascend. inputGradSparse takes it if it stays within a tap
   * and within segments that divide both the block and k / taps.
   */
  pruneColumns(
    values: F32,
    index: Uint8Array,
    w: F32,
    mask: Uint32Array | null,
    order: Int32Array | null,
    rows: number,
    k: number,
    taps: number,
    n: number,
    m: number,
    v: number,
  ): void;
  /**
   * The pack of an unbiased n:m sample of the transpose of g [k, rows], along k: what weightGradSparse takes. Minimum
   * variance (Chmiel et al. 2023, MVUE); draws are Philox(seed, layer; group of m / 4, step, row group, stream 0)[group of m % 4].
   * Exactly n are kept, also of zeros and NaN; a NaN shows in what is kept of its group.
   */
  sampleColumns(
    values: F32,
    index: Uint8Array,
    g: F32,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    seed: number,
    layer: number,
    step: number,
  ): void;
  /**
   * The same of g [rows, k] itself, along k, for inputGrad: packed as by pruneRows, if wanted with a dense copy. Draws are
   * of another stream, so this and the sample of the same layer and step along the other axis are independent.
   */
  sampleRows(
    values: F32,
    index: Uint8Array,
    masked: F32 | null,
    g: F32,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    seed: number,
    layer: number,
    step: number,
  ): void;
  /**
   * As sampleColumns, 2:4 alone, by two draws of which the second is among the other three (approx-MVUE, Hu et al. 2024):
   * unbiased, with up to twice the least variance. The second draw is of stream 2.
   */
  sampleColumnsApproximately(
    values: F32,
    index: Uint8Array,
    g: F32,
    rows: number,
    k: number,
    seed: number,
    layer: number,
    step: number,
  ): void;
  /**
   * The slices of a packed matrix [rows, k]: values [slice][slot][16 rows], places [slice][word][16 rows], each place in
   * its group in 2 bits (m <= 4) or 4, the first slot lowest. Rows beyond the last are zeros.
   */
  packSlices(
    values: F32,
    places: Uint32Array,
    packed: F32,
    index: Uint8Array,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
  ): void;
  /** out[i] = x[places[i]] for i < count. */
  gatherEntries(out: F32, x: F32, places: Uint32Array, count: number): void;
  /** grad += lambda * w where the mask is 0. */
  maskedDecay(grad: F32, w: F32, mask: Uint32Array, rows: number, k: number, lambda: number): void;
  /** x = 0 where the mask is 0. */
  applyMask(x: F32, mask: Uint32Array, rows: number, k: number): void;
  /** out[0] = the ones of a xor b: entries that are kept in exactly one of two masks. */
  maskDivergence(out: Float64Array, a: Uint32Array, b: Uint32Array, words: number): void;
  /**
   * What a mask keeps of w [rows, k], for each row: out [rows, 3] = sum of the kept |w|, sum of all |w|, kept entries that
   * are zero.
   */
  keptMagnitude(out: Float64Array, w: F32, mask: Uint32Array, rows: number, k: number): void;
  /**
   * out [groups] = the mean of the rank-th smallest |w| of each group and of the one above it (NaN is above infinity). A
   * group is `segments` runs of `length` entries; groups and segments begin at multiples of their strides. 1 <= rank <
   * segments * length.
   */
  thresholds(
    out: F32,
    w: F32,
    groups: number,
    segments: number,
    length: number,
    groupStride: number,
    segmentStride: number,
    rank: number,
  ): void;
  /**
   * y = w (1 + f + g), w [rows, taps, k / taps]: f and g are the logistic function of (|w| - t) / temperature where |w| is
   * above t, else 0, with t of the entry's row and of its tap; without ofTaps g is 0 (Xiang et al. 2024, MaxQ).
   */
  softAxes(
    y: F32,
    w: F32,
    ofRows: F32,
    ofTaps: F32 | null,
    rows: number,
    k: number,
    taps: number,
    temperature: number,
  ): void;

  /** y = a + b, then max(0, .) if relu; y may be a or b. */
  add(y: F32, a: F32, b: F32, count: number, relu: number): void;
  /** y = alpha a + beta b; y may be a or b. */
  mix(y: F32, a: F32, b: F32, count: number, alpha: number, beta: number): void;
  /** y += factor a b. */
  addProduct(y: F32, a: F32, b: F32, count: number, factor: number): void;
  scale(x: F32, count: number, factor: number): void;
  /** out[0] = sum of x^2, in double precision. */
  sumOfSquares(out: Float64Array, x: F32, count: number): void;
  /** out [columns] = sums over the rows of x [rows, columns]. */
  columnSums(out: F32, x: F32, rows: number, columns: number): void;
  /**
   * The Euclidean norm of each tile of w [rows, columns], in double precision. Tiles of `tall` rows and `wide` columns,
   * smaller at its ends, are numbered row by row.
   */
  tileNorms(norms: Float64Array, w: F32, rows: number, columns: number, tall: number, wide: number): void;
  /** w *= the factor of its tile. A factor of 0 gives zeros, whatever w holds. */
  scaleTiles(w: F32, factors: F32, rows: number, columns: number, tall: number, wide: number): void;
  /** y += x times the factor of its tile. */
  addTiles(y: F32, x: F32, factors: F32, rows: number, columns: number, tall: number, wide: number): void;
  /**
   * What a penalty of the norms of rows and columns of w does to each: by lambda * rate / norm, 0 where the norm is 0;
   * proximal: what is left, max(0, 1 - lambda * rate / norm), of the columns of the rows as they are then. Null lambdas: none of
   * rows, or of columns, and its factors are not written.
   */
  crossFactors(
    ofRows: F32 | null,
    ofColumns: F32 | null,
    w: F32,
    rowLambdas: Float64Array | null,
    columnLambdas: Float64Array | null,
    rows: number,
    columns: number,
    rate: number,
    proximal: number,
  ): void;
  /** w *= the factor of its row times that of its column; null: 1. No zero is -0. */
  scaleCrosses(w: F32, ofRows: F32 | null, ofColumns: F32 | null, rows: number, columns: number): void;
  /** y += x times the sum of the factors of its row and its column; null: 0. */
  addCrosses(y: F32, x: F32, ofRows: F32 | null, ofColumns: F32 | null, rows: number, columns: number): void;
  /** out [rows] = the products of the rows of a with those of b [rows, columns], in double precision. */
  rowProducts(out: Float64Array, a: F32, b: F32, rows: number, columns: number): void;
  /** y += amount where x > 0, -= amount where x < 0. */
  addSigns(y: F32, x: F32, count: number, amount: number): void;
  /** w nearer to 0 by amount, 0 where it would pass it; if hard, 0 where |w| is below amount and unchanged elsewhere. */
  shrink(w: F32, count: number, amount: number, hard: number): void;
  relu(y: F32, x: F32, count: number): void;
  /** dx = dy where y > 0, else 0; dx may be dy. */
  reluBackward(dx: F32, dy: F32, y: F32, count: number): void;
  /** x Phi(x), the exact (erf) form. */
  gelu(y: F32, x: F32, count: number): void;
  geluBackward(dx: F32, dy: F32, x: F32, count: number): void;
  /** max(0, x)^2. */
  squaredRelu(y: F32, x: F32, count: number): void;
  squaredReluBackward(dx: F32, dy: F32, x: F32, count: number): void;
  /** y = x / (1 - probability) where Philox(seed, layer; i / 4, step)[i % 4] >= probability * 2^32, else 0. Its own backward. */
  dropout(y: F32, x: F32, count: number, probability: number, seed: number, layer: number, step: number): void;
  /**
   * Columns yBegin .. yBegin + count - 1 of y [rows, yColumns] = those from xBegin of x [rows, xColumns], zero beyond
   * its last. The other columns of y stay.
   */
  copyColumns(
    y: F32,
    x: F32,
    rows: number,
    count: number,
    yColumns: number,
    yBegin: number,
    xColumns: number,
    xBegin: number,
  ): void;

  /** Training form over x [rows, channels]; writes the batch's mean and 1/sqrt(variance + epsilon), moves the running ones. */
  batchNorm(
    y: F32,
    mean: F32,
    invStd: F32,
    runningMean: F32,
    runningVariance: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    rows: number,
    channels: number,
    epsilon: number,
    momentum: number,
    relu: number,
  ): void;
  batchNormInfer(
    y: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    runningMean: F32,
    runningVariance: F32,
    rows: number,
    channels: number,
    epsilon: number,
    relu: number,
  ): void;
  /** y: the forward's output if it ended in relu, else null. */
  batchNormBackward(
    dx: F32,
    dgamma: F32,
    dbeta: F32,
    dy: F32,
    y: F32 | null,
    x: F32,
    gamma: F32,
    mean: F32,
    invStd: F32,
    rows: number,
    channels: number,
  ): void;
  /**
   * maxPool of relu of batchNorm, without what lies between in memory. winner: the tap of the largest, 255 where it is not
   * above zero; peak: x at the largest, for backward. Windows of g (out = channels) have at most 255 taps.
   */
  batchNormPool(
    y: F32,
    peak: F32,
    winner: Uint8Array,
    mean: F32,
    invStd: F32,
    runningMean: F32,
    runningVariance: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    g: Geometry,
    epsilon: number,
    momentum: number,
  ): void;
  batchNormPoolBackward(
    dx: F32,
    dgamma: F32,
    dbeta: F32,
    dy: F32,
    peak: F32,
    winner: Uint8Array,
    x: F32,
    gamma: F32,
    mean: F32,
    invStd: F32,
    g: Geometry,
  ): void;
  /** Windows of g (out = channels); winner: tap of the largest, the first of equals; padding never wins. */
  maxPool(y: F32, winner: Uint8Array, x: F32, g: Geometry): void;
  maxPoolBackward(dx: F32, dy: F32, winner: Uint8Array, g: Geometry): void;
  /** Mean over the window; padding counts as zeros. */
  averagePool(y: F32, x: F32, g: Geometry): void;
  averagePoolBackward(dx: F32, dy: F32, g: Geometry): void;
  /** y [T, count] = the columns of im2col(x) with these numbers, each below I. The geometry's out counts for nothing. */
  gatherColumns(y: F32, x: F32, columns: Uint32Array, count: number, g: Geometry): void;
  /** Its gradient: dx = the sum of what each pixel was gathered for. */
  scatterColumns(dx: F32, dy: F32, columns: Uint32Array, count: number, g: Geometry): void;
  /** losses [rows]; dlogits = (softmax - one hot) / rows, the gradient of their mean. */
  softmaxCrossEntropy(losses: F32, dlogits: F32, logits: F32, labels: Int32Array, rows: number, classes: number): void;

  /** y [count, dim] = the rows of the table [vocabulary, dim] that the tokens name: whole numbers below vocabulary. */
  embedding(y: F32, tokens: F32, table: F32, count: number, dim: number): void;
  /** dtable [vocabulary, dim] = for each token the sum of its rows of dy, in their order. */
  embeddingBackward(dtable: F32, dy: F32, tokens: F32, count: number, vocabulary: number, dim: number): void;
  /** (x - mean) * invStd * gamma + beta, the statistics those of each row of x [rows, columns]; writes them, [rows]. */
  layerNorm(
    y: F32,
    mean: F32,
    invStd: F32,
    x: F32,
    gamma: F32,
    beta: F32,
    rows: number,
    columns: number,
    epsilon: number,
  ): void;
  layerNormBackward(
    dx: F32,
    dgamma: F32,
    dbeta: F32,
    dy: F32,
    x: F32,
    gamma: F32,
    mean: F32,
    invStd: F32,
    rows: number,
    columns: number,
  ): void;
  /**
   * Causal attention: y [batch, length, dim] = softmax(q k^T / sqrt(dim / heads)) v, where a row sees itself and those
   * before it. q, k, v are the thirds of the last dimension of qkv [batch, length, 3 dim], a head dim / heads entries of
   * each. logSum [batch, heads, length]: of the exponentials, for backward. NaN may show in up to 5 rows before its own.
   */
  attention(y: F32, logSum: F32, qkv: F32, batch: number, length: number, dim: number, heads: number): void;
  attentionBackward(
    dqkv: F32,
    dy: F32,
    qkv: F32,
    logSum: F32,
    batch: number,
    length: number,
    dim: number,
    heads: number,
  ): void;

  /**
   * PyTorch's SGD: g = grad + decay w; velocity = momentum velocity + g; w -= rate (g + momentum velocity | velocity).
   * With a mask over rows of k entries, grad + lambda w where it is 0 takes the place of grad, here and in adam.
   */
  sgd(
    w: F32,
    velocity: F32 | null,
    grad: F32,
    count: number,
    rate: number,
    momentum: number,
    decay: number,
    nesterov: number,
    mask: Uint32Array | null,
    k: number,
    lambda: number,
  ): void;
  /** AdamW with decoupled decay; correction1 = 1 - beta1^t, correction2 = 1 - beta2^t. */
  adam(
    w: F32,
    m: F32,
    v: F32,
    grad: F32,
    count: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    decay: number,
    correction1: number,
    correction2: number,
    mask: Uint32Array | null,
    k: number,
    lambda: number,
  ): void;
}

export type KernelName = Exclude<
  keyof Kernels,
  "backend" | "instructionSet" | "threads" | "multiplies" | "float32" | "uint8" | "uint32" | "int32" | "float64"
>;

// Every kernel once: one that is missing here does not compile, and a test holds the order against native/kernels.def.
const order: Record<KernelName, true> = {
  forward: true,
  inputGrad: true,
  weightGrad: true,
  forwardSparse: true,
  inputGradSparse: true,
  weightGradSparse: true,
  weightGradAlternate: true,
  forwardSparseActivations: true,
  forwardSlices: true,
  forwardCsr: true,
  weightGradCsr: true,
  pruneRows: true,
  packRows: true,
  pruneTransposable: true,
  pruneColumns: true,
  sampleColumns: true,
  sampleRows: true,
  sampleColumnsApproximately: true,
  packSlices: true,
  gatherEntries: true,
  maskedDecay: true,
  applyMask: true,
  maskDivergence: true,
  keptMagnitude: true,
  thresholds: true,
  softAxes: true,
  add: true,
  mix: true,
  addProduct: true,
  scale: true,
  sumOfSquares: true,
  columnSums: true,
  tileNorms: true,
  scaleTiles: true,
  addTiles: true,
  crossFactors: true,
  scaleCrosses: true,
  addCrosses: true,
  rowProducts: true,
  addSigns: true,
  shrink: true,
  relu: true,
  reluBackward: true,
  gelu: true,
  geluBackward: true,
  squaredRelu: true,
  squaredReluBackward: true,
  dropout: true,
  copyColumns: true,
  batchNorm: true,
  batchNormInfer: true,
  batchNormBackward: true,
  batchNormPool: true,
  batchNormPoolBackward: true,
  maxPool: true,
  maxPoolBackward: true,
  averagePool: true,
  averagePoolBackward: true,
  gatherColumns: true,
  scatterColumns: true,
  softmaxCrossEntropy: true,
  embedding: true,
  embeddingBackward: true,
  layerNorm: true,
  layerNormBackward: true,
  attention: true,
  attentionBackward: true,
  sgd: true,
  adam: true,
};

/** The names of the methods above that are kernels, in the order of native/kernels.def. */
export const KERNEL_NAMES: readonly KernelName[] = Object.keys(order) as KernelName[];

/** A kernel's name in C++: forwardSparse is forward_sparse. */
export function nativeName(name: KernelName): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
