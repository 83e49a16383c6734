/**
 * Times the products of a layer on this machine, dense and sparse, at the layer's real shapes, and remembers the times
 * on disk: what the choice of routes rests on.
 */
import { statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../lab/data/download.ts";
import { readFile, writeFileAtomically } from "../../node/files.ts";
import {
  type F32,
  type Geometry,
  type Kernels,
  maskWords,
  matrixGeometry,
  nativeName,
  type Product,
} from "../backend/kernels.ts";
import { addonPath } from "../../node/native.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { PackedTranspose } from "../sparse/formats/packed-transpose.ts";
import { type Pattern, patternName } from "../sparse/pattern.ts";
import { version } from "../../node/version.ts";
import type { Operand, ProductTimes } from "./plan.ts";

const ROUNDS = 5;
/** What takes long needs fewer rounds. */
const BUDGET_MS = 60;
/** Floats between two calls, more than most last-level caches hold. */
const OTHER_MEMORY = 8 * 2 ** 20;
const FORMAT = 3;

export class Dispatcher {
  readonly #kernels: Kernels;
  readonly #path: string | null;
  readonly #place: string;
  #known: Map<string, ProductTimes> | null = null;
  /** By what they are for; grown, not made anew: WASM gets memory back only when the event loop turns. */
  readonly #arrays = new Map<string, F32>();

  /** path: the file that keeps times between processes; null: none does. Default: in the cache folder. */
  constructor(kernels: Kernels, path: string | null = join(cacheFolder(), "times.json")) {
    this.#kernels = kernels;
    this.#path = path;
    const { backend, instructionSet, threads } = kernels;
    const processors = cpus();
    const cpu = `${processors[0]?.model.trim() ?? "unknown"} x${processors.length}`;
    // an addon that was built anew may be faster or slower
    const build = backend === "native" ? statSync(addonPath()).mtimeMs : 0;
    this.#place = [version, build, cpu, backend, instructionSet, `${threads} threads`].join(" | ");
  }

  /** The times of a product at this geometry with this pattern: remembered, or measured now and kept. */
  times(product: Product, operand: Operand, geometry: Geometry, pattern: Pattern): ProductTimes {
    const key = `${this.#place} | ${nativeName(product)} ${operand} ${patternName(pattern)} ${geometry.join(" ")}`;
    this.#known ??= this.#load();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const measured = measure(this.#kernels, product, operand, geometry, pattern, (name, length) =>
      this.#array(name, length),
    );
    this.#known.set(key, measured);
    this.#save();
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

  #load(): Map<string, ProductTimes> {
    if (this.#path === null) return new Map();
    try {
      const file = JSON.parse(new TextDecoder().decode(readFile("times", this.#path))) as Record<string, unknown>;
      if (file.format !== FORMAT || typeof file.times !== "object" || file.times === null) return new Map();
      return new Map(Object.entries(file.times as Record<string, ProductTimes>).filter(([, times]) => areTimes(times)));
    } catch {
      // none yet, or one that was damaged: measured anew
      return new Map();
    }
  }

  #save(): void {
    if (this.#path === null || this.#known === null) return;
    // what another process has measured meanwhile is kept
    const all = new Map([...this.#load(), ...this.#known]);
    try {
      writeFileAtomically(
        this.#path,
        `${JSON.stringify({ format: FORMAT, times: Object.fromEntries(all) }, null, 1)}\n`,
      );
    } catch {
      // a folder that cannot be written to costs a second at each start, and nothing else
    }
  }
}

function areTimes(times: unknown): boolean {
  const { dense, sparse, sparseAndCopy, masked } = (times ?? {}) as Partial<ProductTimes>;
  return [dense, sparse, sparseAndCopy, masked].every((ms) => typeof ms === "number" && ms > 0);
}

/** Any numbers but zeros, which some machines add faster. */
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
  array: (name: string, length: number) => F32,
): ProductTimes {
  const [batch, height, width, channels, kernelHeight, kernelWidth, , , outHeight, outWidth, out] = geometry;
  const taps = kernelHeight * kernelWidth;
  const [t, i] = [batch * outHeight * outWidth, taps * channels];
  const { n, m, v } = pattern;
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
        variants.push(() => {
          packed.prune(x);
          kernels.forwardSparseActivations(y, packed.values, packed.index, w, null, t, i, out, 0, n, m, v);
          // the mask of the gradient
          kernels.applyMask(masked, packed.mask, t, i);
        });
        break;
      }
      const packed = new PackedMatrix(kernels, out, i, pattern);
      const withCopy = new PackedMatrix(kernels, out, i, pattern);
      const { masked } = withCopy;
      variants.push(
        () => {
          packed.prune(w);
          kernels.forwardSparse(y, x, packed.values, packed.index, null, geometry, 0, n, m, v);
        },
        () => {
          withCopy.prune(w);
          kernels.forward(y, x, masked, null, geometry, 0);
        },
        () => {
          withCopy.prune(w);
          kernels.forwardSparse(y, x, withCopy.values, withCopy.index, null, geometry, 0, n, m, v);
        },
      );
      break;
    }
    case "inputGrad": {
      variants.push(() => kernels.inputGrad(x, y, w, geometry));
      if (operand === "gradient") {
        const packed = new PackedMatrix(kernels, t, out, pattern);
        variants.push(() => {
          packed.sample(y, { seed: 1, layer: 0, step: 0 });
          kernels.weightGradSparse(x, packed.values, packed.index, w, matrixGeometry(out, i, t), n, m, v);
        });
        break;
      }
      const packed = new PackedTranspose(kernels, channels, taps * out, pattern);
      const mask = kernels.uint32(out * maskWords(i)).fill(0x55555555);
      variants.push(() => {
        packed.prune(w, mask, taps);
        kernels.inputGradSparse(x, y, packed.values, packed.index, geometry, n, m, v);
      });
      break;
    }
    case "weightGrad": {
      variants.push(() => kernels.weightGrad(w, y, x, geometry));
      if (operand === "activations") {
        variants.push(() => kernels.weightGradAlternate(w, y, x, geometry, 0, 0, 1));
        break;
      }
      const packed = new PackedTranspose(kernels, out, t, pattern);
      variants.push(() => {
        packed.sample(y, { seed: 1, layer: 0, step: 0 });
        kernels.weightGradSparse(w, packed.values, packed.index, x, geometry, n, m, v);
      });
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
      // the first round meets cold memory
      if (round === 0) return;
      spent += ms;
      times[variant].push(ms);
    });
  }
  const [dense, sparse, masked = dense, sparseAndCopy = sparse] = times.map((list) => Math.min(...list));
  return { dense, sparse, sparseAndCopy, masked };
}
