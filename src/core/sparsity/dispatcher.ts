/**
 * Times the products of a layer on this machine, dense and sparse, at the layer's real shapes, and remembers the times:
 * what the choice between a sparse and an emulated product rests on.
 */

import { maskWords } from "../backend/families/masks.ts";
import type { Product } from "../backend/families/products.ts";
import type { Geometry } from "../backend/geometry.ts";
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { PackedTranspose } from "../sparse/formats/packed-transpose.ts";
import { type Pattern, patternName } from "../sparse/pattern.ts";
import type { Operand, ProductTimes } from "./plan.ts";

const ROUNDS = 5;
/** Milliseconds for all rounds of a product: a slow product gets fewer rounds. */
const BUDGET_MS = 60;
const DRAW = { seed: 1, layer: 0, step: 0 };
/** Floats between two calls, more than most last-level caches hold. */
const OTHER_MEMORY = 8 * 2 ** 20;

/**
 * Keeps times between processes. Neither function throws: times that cannot be read are measured anew, times that
 * cannot be saved are lost.
 */
export interface TimesStore {
  load(): ReadonlyMap<string, ProductTimes>;
  /** Adds these times to the saved ones. */
  save(times: ReadonlyMap<string, ProductTimes>): void;
}

export class Dispatcher {
  readonly #kernels: Kernels;
  readonly #store: TimesStore | null;
  #known: Map<string, ProductTimes> | null = null;
  /**
   * Arrays by their use. They grow instead of being made anew, because WASM frees memory only when the event loop
   * turns.
   */
  readonly #arrays = new Map<string, F32>();

  /** Without a store, times live as long as this object. The keys of a store must tell machines and builds apart. */
  constructor(kernels: Kernels, store: TimesStore | null = null) {
    this.#kernels = kernels;
    this.#store = store;
  }

  /** The times of a product at this geometry with this pattern; remembered, or measured now and saved. */
  times(product: Product, operand: Operand, geometry: Geometry, pattern: Pattern, mask = 0): ProductTimes {
    const ofMask = mask === 0 ? "" : ` mask ${mask}`;
    const key = `${product} ${operand} ${patternName(pattern)} ${geometry.join(" ")}${ofMask}`;
    this.#known ??= new Map(this.#store?.load());
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const measured = measure(this.#kernels, product, operand, geometry, pattern, mask, (name, length) =>
      this.#array(name, length),
    );
    this.#known.set(key, measured);
    this.#store?.save(this.#known);
    return measured;
  }

  #array(name: string, length: number): F32 {
    let array = this.#arrays.get(name);
    if (array === undefined || array.length < length) {
      array = filled(this.#kernels, length);
      this.#arrays.set(name, array);
    }
    return array.subarray(0, length);
  }
}

/** Memory filled with numbers other than zero, because some machines add zeros faster. */
function filled(kernels: Kernels, length: number): F32 {
  const array = kernels.float32(length);
  for (let at = 0; at < Math.min(length, 4096); at++) array[at] = ((at * 2654435761) % 4096) / 2048 - 1;
  for (let at = 4096; at < length; at *= 2) array.copyWithin(at, 0, Math.min(at, length - at));
  return array;
}

function measure(
  kernels: Kernels,
  product: Product,
  operand: Operand,
  geometry: Geometry,
  pattern: Pattern,
  mask: number,
  array: (name: string, length: number) => F32,
): ProductTimes {
  const [batch, height, width, channels, kernelHeight, kernelWidth, , , outHeight, outWidth, out] = geometry;
  const taps = kernelHeight * kernelWidth;
  const [t, i] = [batch * outHeight * outWidth, taps * channels];
  const x = array("x", batch * height * width * channels);
  const y = array("y", t * out);
  const w = array("w", out * i);
  const variants: (() => void)[] = [];
  switch (product) {
    case "forward": {
      variants.push(() => kernels.forward(y, x, w, null, geometry, 0));
      if (operand === "activations") {
        const packed = new PackedMatrix(kernels, t, i, pattern);
        const { masked } = packed;
        const pruned = (multiply: () => void) => (): void => {
          packed.prune(x);
          multiply();
          // the mask of the gradient
          kernels.applyMask(masked, packed.mask, t, i);
        };
        variants.push(
          pruned(() => kernels.forwardSparseActivations(y, packed, w, null, geometry, 0)),
          pruned(() => kernels.forwardEmulated(y, masked, w, null, geometry, 0)),
        );
        break;
      }
      const packed = new PackedMatrix(kernels, out, i, pattern);
      const withCopy = new PackedMatrix(kernels, out, i, pattern);
      const { masked } = withCopy;
      variants.push(
        () => {
          packed.prune(w);
          kernels.forwardSparse(y, x, packed, null, geometry, 0);
        },
        () => {
          withCopy.prune(w);
          kernels.forwardEmulated(y, x, masked, null, geometry, 0);
        },
        () => {
          withCopy.prune(w);
          kernels.forwardSparse(y, x, withCopy, null, geometry, 0);
        },
      );
      break;
    }
    case "inputGrad": {
      variants.push(() => kernels.inputGrad(x, y, w, geometry));
      if (operand === "gradient") {
        const packed = new PackedMatrix(kernels, t, out, pattern);
        const withCopy = new PackedMatrix(kernels, t, out, pattern);
        const { masked } = withCopy;
        variants.push(
          () => {
            packed.sample(y, DRAW);
            kernels.inputGradSparseGradient(x, packed, w, geometry);
          },
          () => {
            withCopy.sample(y, DRAW);
            kernels.inputGrad(x, masked, w, geometry);
          },
        );
        break;
      }
      const packed = new PackedTranspose(kernels, channels, taps * out, pattern);
      const kept = kernels.uint32(out * maskWords(i)).fill(0x55555555);
      const unpacked = array("unpacked", w.length);
      variants.push(
        () => {
          packed.prune(w, kept, taps);
          kernels.inputGradSparse(x, y, packed, geometry);
        },
        () => {
          packed.prune(w, kept, taps);
          packed.unpackInto(unpacked, taps);
          kernels.inputGrad(x, y, unpacked, geometry);
        },
      );
      break;
    }
    case "weightGrad": {
      variants.push(() => kernels.weightGrad(w, y, x, geometry));
      if (operand === "activations") {
        variants.push(
          () => kernels.weightGradAlternate(w, y, x, geometry, mask, 0, 1),
          () => kernels.weightGradAlternateEmulated(w, y, x, geometry, mask, 0, 1),
        );
        break;
      }
      const packed = new PackedTranspose(kernels, out, t, pattern);
      const unpacked = array("unpacked", y.length);
      variants.push(
        () => {
          packed.sample(y, DRAW);
          kernels.weightGradSparse(w, packed, x, geometry);
        },
        () => {
          packed.sample(y, DRAW);
          packed.unpackInto(unpacked, 1);
          kernels.weightGradEmulated(w, unpacked, x, geometry, pattern);
        },
      );
      break;
    }
  }
  const other = array("other", kernels.backend === "js" ? 1 : OTHER_MEMORY);
  const times: number[][] = variants.map(() => []);
  let spent = 0;
  for (let round = 0; round <= ROUNDS && (round < 3 || spent < BUDGET_MS); round++) {
    variants.forEach((run, variant) => {
      kernels.scale(other, other.length, 1);
      kernels.scale(x, x.length, 1);
      if (product !== "forward") kernels.scale(y, y.length, 1);
      const begin = performance.now();
      run();
      const ms = performance.now() - begin;
      // the first round runs on cold memory
      if (round === 0) return;
      spent += ms;
      times[variant].push(ms);
    });
  }
  const [dense, sparse, emulated, sparseAndCopy = sparse] = times.map((list) => Math.min(...list));
  return { dense, sparse, sparseAndCopy, emulated };
}
