/**
 * The CSR product y = x w^T against dense and N:M, on one thread: where zeros without a pattern begin to pay.
 * npx tsx bench/csr.ts [size] [--json]
 */
import { loadavg } from "node:os";
import { interleave } from "../src/bench/interleave.ts";
import { matrixGeometry } from "../src/kernels/kernels.ts";
import { pick } from "../src/kernels/pick.ts";
import { Random } from "../src/random.ts";
import { CsrMatrix } from "../src/sparse/csr-matrix.ts";
import { PackedMatrix } from "../src/sparse/packed-matrix.ts";
import { parsePattern } from "../src/sparse/pattern.ts";
import { SlicedMatrix } from "../src/sparse/sliced-matrix.ts";

const SPARSITIES = [0.5, 0.75, 0.9, 0.95, 0.98];
/** N:M of the same sparsity; 1:16 is the sparsest there is. */
const PATTERNS: Readonly<Record<number, string>> = { 0.5: "2:4", 0.75: "1:4", 0.9: "1:10", 0.95: "1:16", 0.98: "1:16" };

const size = Number(process.argv.find((word) => /^\d+$/.test(word)) ?? 1024);
const json = process.argv.includes("--json");
const { kernels } = pick({ threads: 1 });
const random = new Random(1);
const filled = (length: number): Float32Array => {
  const array = kernels.float32(length);
  for (let i = 0; i < length; i++) array[i] = random.uniform() - 0.5;
  return array;
};

if (!json) {
  console.log(`${kernels.instructionSet}, one thread, [${size}, ${size}], load ${loadavg()[0].toFixed(1)}`);
  console.log("batch  sparsity  dense us   CSR us  dense/CSR (quartiles)  with new values  N:M     dense/N:M");
}
for (const batch of [1, 4, 16, 64, 256]) {
  for (const sparsity of SPARSITIES) {
    const w = filled(size * size);
    const masked = kernels.float32(size * size);
    for (let i = 0; i < w.length; i++) masked[i] = random.uniform() < sparsity ? 0 : w[i];
    const csr = new CsrMatrix(kernels, masked, size, size);
    csr.refresh(masked);
    const pattern = parsePattern(PATTERNS[sparsity]);
    // groups of 10 need a multiple of 10 inputs
    const inputs = size - (size % pattern.m);
    const packed = new PackedMatrix(kernels, size, inputs, pattern);
    packed.prune(w.subarray(0, size * inputs));
    const sliced = new SlicedMatrix(kernels, packed);
    const [x, y] = [filled(batch * size), filled(batch * size)];
    const geometry = matrixGeometry(batch, size, size);
    const [dense, own, fresh, structured] = interleave(
      {
        dense: () => kernels.forward(y, x, w, null, geometry, 0),
        csr: () => csr.multiply(y, x, geometry),
        "with new values": () => {
          csr.refresh(masked);
          csr.multiply(y, x, geometry);
        },
        [PATTERNS[sparsity]]: () => sliced.multiply(y, x, batch),
      },
      60,
      2,
    );
    const us = (ms: number): number => Math.round(ms * 1000);
    const line = {
      ...{ size, batch, sparsity, denseUs: us(dense.ms.median), csrUs: us(own.ms.median) },
      ...{ ratio: own.ratio.median, quartiles: [own.ratio.q1, own.ratio.q3], refreshed: fresh.ratio.median },
      ...{ pattern: PATTERNS[sparsity], patternRatio: structured.ratio.median },
    };
    if (json) console.log(JSON.stringify(line));
    else {
      const digits = (value: number): string => value.toFixed(2);
      console.log(
        `${String(batch).padEnd(7)}${String(sparsity).padEnd(10)}${String(line.denseUs).padEnd(11)}${String(line.csrUs).padEnd(8)}` +
          `${digits(line.ratio)} (${line.quartiles.map(digits).join(" .. ")})     ${digits(line.refreshed).padEnd(17)}` +
          `${line.pattern.padEnd(5)} ${digits(line.patternRatio)}`,
      );
    }
  }
}
