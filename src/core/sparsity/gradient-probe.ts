/**
 * Measures what sparse operands do to the gradients of a network, outside of training, on one batch. The weight
 * gradients of a backward pass with dense products are compared with those of passes with sparse products, each with
 * other draws.
 */

import { type Geometry, hasRows } from "../backend/geometry.ts";
import type { F32 } from "../backend/memory.ts";
import type { Draw } from "../random.ts";
import { type PackedOperand, unpack } from "../sparse/formats/packed-matrix.ts";
import { mvue } from "../sparse/mvue.ts";
import { neighborSimilarity } from "./methods/weight-grad/neighbor-similarity.ts";

/** The weight gradient of one layer with sparse products compared with dense ones, for the same forward pass. */
export interface GradientReport {
  readonly layer: string;
  /** Cosine of one sparse gradient and the dense one, mean over the repeats. */
  readonly cosine: number;
  /**
   * Cosine of the mean of all repeats and the dense gradient. What it lacks to 1, beyond what averaging explains, is
   * bias.
   */
  readonly meanCosine: number;
  /** Norm of that mean / norm of the dense gradient. */
  readonly norm: number;
  /** |sparse - dense|^2 / |dense|^2, mean over the repeats. */
  readonly error: number;
  /**
   * Squared error of the sampled operand / the least variance of any unbiased sample; null if no operand is sampled.
   */
  readonly variance: number | null;
  /** Similarity of neighboring columns of the layer's input, 0 to 1; null if the input has no rows of an image. */
  readonly similarity: number | null;
}

/** Number of groups of a sample that are looked at, for each layer and repeat. */
const GROUPS = 512;

class Layer {
  dense: Float32Array = new Float32Array(0);
  sum: Float64Array = new Float64Array(0);
  cosines = 0;
  errors = 0;
  squaredError = 0;
  leastVariance = 0;
  similarity: number | null = null;
}

export class GradientProbe {
  readonly #layers = new Map<string, Layer>();
  readonly #repeats: number;
  /** Number of the pass; 0 is the pass with dense products. */
  #pass = 0;

  constructor(repeats: number) {
    this.#repeats = repeats;
  }

  get dense(): boolean {
    return this.#pass === 0;
  }

  /** Changes the seed, so that each pass has other draws. */
  reseeded(seed: number): number {
    return (seed + Math.imul(this.#pass, 0x9e3779b9)) >>> 0;
  }

  /** Runs all passes; each returns the gradients of all layers, by name. */
  run(pass: () => ReadonlyMap<string, F32>): GradientReport[] {
    for (this.#pass = 0; this.#pass <= this.#repeats; this.#pass++) {
      for (const [name, gradient] of pass()) this.#compare(this.#layer(name), gradient);
    }
    return [...this.#layers].map(([name, layer]) => this.#report(name, layer));
  }

  /** Records a layer's sampled gradient, transposed, with the gradient dy [T, O] that it replaces. */
  noteSample(name: string, packed: PackedOperand, dy: F32): void {
    const { pattern, rows, k } = packed;
    const { n, m, v } = pattern;
    const sample = new Float32Array(rows * k);
    unpack(packed, sample);
    const layer = this.#layer(name);
    const groups = Math.ceil(rows / v) * (k / m);
    for (let group = 0; group < groups; group += Math.ceil(groups / GROUPS)) {
      const [first, begin] = [Math.floor(group / (k / m)) * v, (group % (k / m)) * m];
      const height = Math.min(v, rows - first);
      const entries = Array.from({ length: m }, (_, j) =>
        Array.from({ length: height }, (__, r) => dy[(begin + j) * rows + first + r]),
      );
      layer.leastVariance += mvue(entries, n).variance;
      entries.forEach((entry, j) => {
        entry.forEach((x, r) => {
          layer.squaredError += (sample[(first + r) * k + begin + j] - x) ** 2;
        });
      });
    }
  }

  noteInput(name: string, x: F32, geometry: Geometry, draw: Draw): void {
    if (hasRows(geometry)) this.#layer(name).similarity = neighborSimilarity(x, geometry, draw);
  }

  #layer(name: string): Layer {
    let layer = this.#layers.get(name);
    if (layer === undefined) {
      layer = new Layer();
      this.#layers.set(name, layer);
    }
    return layer;
  }

  #compare(layer: Layer, gradient: F32): void {
    if (this.dense) {
      layer.dense = gradient.slice();
      layer.sum = new Float64Array(gradient.length);
      return;
    }
    const { dense, sum } = layer;
    let error = 0;
    gradient.forEach((value, i) => {
      sum[i] += value;
      error += (value - dense[i]) ** 2;
    });
    layer.cosines += cosine(gradient, dense);
    layer.errors += error / dot(dense, dense);
  }

  #report(name: string, layer: Layer): GradientReport {
    const { dense, sum, cosines, errors, squaredError, leastVariance, similarity } = layer;
    const repeats = this.#repeats;
    return {
      layer: name,
      cosine: cosines / repeats,
      meanCosine: cosine(sum, dense),
      norm: Math.sqrt(dot(sum, sum) / dot(dense, dense)) / repeats,
      error: errors / repeats,
      variance: leastVariance > 0 ? squaredError / leastVariance : null,
      similarity,
    };
  }
}

type Numbers = Float32Array | Float64Array;

function dot(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function cosine(a: Numbers, b: Numbers): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The mean of the reports of a run, layer by layer. */
export function meanReport(reports: readonly (readonly GradientReport[])[]): GradientReport[] {
  const [first = []] = reports;
  return first.map(({ layer }, i) => {
    const own = reports.map((one) => one[i]);
    const mean = (of: (report: GradientReport) => number | null): number | null => {
      const values = own.map(of).filter((value) => value !== null);
      return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
    };
    return {
      layer,
      cosine: mean(({ cosine: value }) => value)!,
      meanCosine: mean(({ meanCosine }) => meanCosine)!,
      norm: mean(({ norm }) => norm)!,
      error: mean(({ error }) => error)!,
      variance: mean(({ variance }) => variance),
      similarity: mean(({ similarity }) => similarity),
    };
  });
}
