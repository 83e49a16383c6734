/** Sums over the gradients of single samples of a batch, from what the product of the weight gradient multiplies. */
import { layoutOf, OPERATIONS, type Operation } from "../backend/families/general.ts";
import { PRODUCTS } from "../backend/families/products.ts";
import { type Geometry, matrixGeometry } from "../backend/geometry.ts";
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { blocksOf, type SampleGradients } from "./methods/fisher/curvature.ts";
import { NamedArrays } from "./named-arrays.ts";

/** The most numbers of gradients that are computed at once: 16 MiB. */
const MOST = 2 ** 22;
const WEIGHT_GRAD = PRODUCTS.indexOf("weightGrad");

/**
 * The gradients g of the samples of a batch by a weight [O, I], where dy [T, O] is the gradient of the mean of their
 * losses and x the layer's input: dw of each sample alone, times the number of samples. A sample is an image, or a row of
 * a matrix. For a matrix g_s = dy_s^T x_s, so that both sums are products of squares and of pairs, and no gradient is
 * computed: they cost as much as the weight gradient, and `size` times as much. Otherwise each gradient is computed.
 */
export class BatchGradients implements SampleGradients {
  readonly samples: number;
  readonly #kernels: Kernels;
  readonly #dy: F32;
  readonly #x: F32;
  readonly #geometry: Geometry;
  readonly #outputs: number;
  readonly #inputs: number;
  readonly #arrays: NamedArrays;

  /** `arrays` keeps scratch memory from one call to the next: memory of WASM is not given back within a step. */
  constructor(kernels: Kernels, dy: F32, x: F32, geometry: Geometry, arrays: NamedArrays = new NamedArrays()) {
    this.#arrays = arrays;
    this.#kernels = kernels;
    this.#dy = dy;
    this.#x = x;
    this.#geometry = geometry;
    this.samples = geometry[0];
    this.#outputs = geometry[10];
    this.#inputs = geometry[3] * geometry[4] * geometry[5];
  }

  addSquares(sums: F32): void {
    const [samples, outputs, inputs] = [this.samples, this.#outputs, this.#inputs];
    if (this.#isMatrix) {
      const x = this.#scratch("inputs", samples * inputs);
      this.#elementwise("multiply", x, this.#x, this.#x, [x.length], [1], [1]);
      this.#add(sums, (own) =>
        this.#kernels.weightGrad(own, this.#squaredGradient(), x, matrixGeometry(samples, inputs, outputs)),
      );
      return;
    }
    for (const { from, values } of this.parts()) {
      this.#elementwise("multiply", values, values, values, [values.length], [1], [1]);
      const own = sums.subarray(from * inputs, from * inputs + values.length / samples);
      this.#add(own, (part) => this.#kernels.reduce(part, values, 1, samples, part.length, 0, 1));
    }
  }

  addProducts(sums: F32, size: number): void {
    const [samples, outputs, inputs] = [this.samples, this.#outputs, this.#inputs];
    if (this.#isMatrix) {
      const dy = this.#squaredGradient();
      for (const { begin, length, start } of blocksOf(outputs, inputs, size)) {
        const pairs = this.#scratch("pairs", samples * length ** 2);
        const x = this.#x.subarray(begin);
        this.#elementwise("multiply", pairs, x, x, [samples, length, length], [inputs, 1, 0], [inputs, 0, 1]);
        const g = matrixGeometry(samples, length ** 2, outputs);
        const own = sums.subarray(start, start + outputs * length ** 2);
        this.#add(own, (part) => this.#kernels.weightGrad(part, dy, pairs, g));
      }
      return;
    }
    for (const { from, rows, values } of this.parts()) {
      for (const { begin, length, start } of blocksOf(outputs, inputs, size)) {
        // [row][sample][entry]: a product reads what follows each other
        const ordered = this.#scratch("ordered", rows * samples * length);
        const strides = [inputs, rows * inputs, 1];
        const block = values.subarray(begin);
        this.#elementwise("copy", ordered, block, block, [rows, samples, length], strides, strides);
        const first = start + from * length ** 2;
        const own = sums.subarray(first, first + rows * length ** 2);
        const g = matrixGeometry(samples, length, length);
        this.#add(own, (part) => this.#kernels.batchedProduct(part, ordered, ordered, g, rows, WEIGHT_GRAD));
      }
    }
  }

  /**
   * The gradients themselves, of some rows at a time: [samples, rows, I], from row `from` on. The array is reused. They cost
   * as many multiply-adds as the weight gradient.
   */
  *parts(): Generator<{ readonly from: number; readonly rows: number; readonly values: F32 }> {
    const [, height, width, channels, , , , , outHeight, outWidth] = this.#geometry;
    const [samples, outputs, inputs] = [this.samples, this.#outputs, this.#inputs];
    const positions = outHeight * outWidth;
    const most = Math.max(1, Math.min(outputs, Math.floor(MOST / (samples * inputs))));
    const gradients = this.#scratch("gradients", samples * most * inputs);
    const columns = this.#scratch("columns", samples * positions * most);
    for (let from = 0; from < outputs; from += most) {
      const rows = Math.min(most, outputs - from);
      for (let t = 0, i = 0; t < samples * positions; t++) {
        for (let o = from; o < from + rows; o++) columns[i++] = samples * this.#dy[t * outputs + o];
      }
      const g = this.#geometry.slice();
      g[0] = 1;
      g[10] = rows;
      const cut = (array: F32, size: number, s: number): F32 => array.subarray(s * size, (s + 1) * size);
      for (let s = 0; s < samples; s++) {
        const [own, dy] = [cut(gradients, rows * inputs, s), cut(columns, positions * rows, s)];
        this.#kernels.weightGrad(own, dy, cut(this.#x, height * width * channels, s), g);
      }
      yield { from, rows, values: gradients.subarray(0, samples * rows * inputs) };
    }
  }

  #scratch(name: string, length: number): F32 {
    return this.#arrays.take(`${name} ${length}`, length, this.#kernels);
  }

  get #isMatrix(): boolean {
    const [, height, width, , kernelHeight, kernelWidth] = this.#geometry;
    return height * width * kernelHeight * kernelWidth === 1;
  }

  /** The squares of dy of each sample's own loss. */
  #squaredGradient(): F32 {
    const squares = this.#scratch("squares", this.#dy.length);
    for (let i = 0; i < squares.length; i++) squares[i] = (this.samples * this.#dy[i]) ** 2;
    return squares;
  }

  /** Adds to `sums` what `compute` writes to an array of the same length. */
  #add(sums: F32, compute: (own: F32) => void): void {
    const own = this.#scratch("sum", sums.length);
    compute(own);
    this.#kernels.mix(sums, sums, own, sums.length, 1, 1);
  }

  #elementwise(
    operation: Operation,
    y: F32,
    a: F32,
    b: F32,
    shape: readonly number[],
    stepsA: readonly number[],
    stepsB: readonly number[],
  ): void {
    const layout = layoutOf(shape, [stepsA, stepsB, stepsB]);
    this.#kernels.elementwise(y, a, b, b, OPERATIONS.indexOf(operation), layout);
  }
}
