/**
 * Times the CSR product y = x w^T against dense and N:M, on one thread, to see at which sparsity zeros without a
 * pattern begin to pay; then that of convolutions, and the other two products.
 *
 *   npx tsx bench/csr.ts [--json FILE]
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { inputGradGeometry, matrixGeometry } from "../src/core/backend/geometry.ts";
import { Random } from "../src/core/random.ts";
import { CsrMatrix } from "../src/core/sparse/formats/csr-matrix.ts";
import { PackedMatrix } from "../src/core/sparse/formats/packed-matrix.ts";
import { SlicedMatrix } from "../src/core/sparse/formats/sliced-matrix.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { interleave } from "../src/lab/statistics/interleave.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const SPARSITIES = [0.5, 0.75, 0.9, 0.95, 0.98];
/** The N:M pattern of the same sparsity; 1:16 is the sparsest there is. */
const PATTERNS: Readonly<Record<number, string>> = { 0.5: "2:4", 0.75: "1:4", 0.9: "1:10", 0.95: "1:16", 0.98: "1:16" };

const { values: options } = parseArgs({ options: { json: { type: "string" } } });
const size = 1024;
const { kernels } = openDeviceSync({ threads: 1 });
const [load] = loadavg();
const random = new Random(1);
const filled = (length: number): Float32Array => {
  const array = kernels.float32(length);
  for (let i = 0; i < length; i++) array[i] = random.uniform() - 0.5;
  return array;
};

console.log(`${kernels.instructionSet}, one thread, [${size}, ${size}], load ${load.toFixed(1)}`);
console.log(
  "batch  sparsity  dense us   CSR us  dense/CSR (quartiles)  with new values  N:M     dense/N:M  weightGrad: dense/CSR",
);
const matrices: object[] = [];
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
    const dw = filled(size * size);
    const [dense, own, fresh, structured, denseGrad, ownGrad] = interleave(
      {
        dense: () => kernels.forward(y, x, w, null, geometry, 0),
        csr: () => csr.forward(y, x, geometry),
        "with new values": () => {
          csr.refresh(masked);
          csr.forward(y, x, geometry);
        },
        [PATTERNS[sparsity]]: () => sliced.multiply(y, x, batch),
        "dense weightGrad": () => kernels.weightGrad(dw, y, x, geometry),
        "csr weightGrad": () => csr.weightGrad(dw, y, x, geometry),
      },
      30,
      2,
    );
    const us = (ms: number): number => Math.round(ms * 1000);
    const line = {
      ...{ size, batch, sparsity, denseUs: us(dense.ms.median), csrUs: us(own.ms.median) },
      ...{ ratio: own.ratio.median, quartiles: [own.ratio.q1, own.ratio.q3], refreshed: fresh.ratio.median },
      ...{ pattern: PATTERNS[sparsity], patternRatio: structured.ratio.median },
      weightGradRatio: denseGrad.ms.median / ownGrad.ms.median,
    };
    matrices.push(line);
    const digits = (value: number): string => value.toFixed(2);
    console.log(
      `${String(batch).padEnd(7)}${String(sparsity).padEnd(10)}${String(line.denseUs).padEnd(11)}${String(line.csrUs).padEnd(8)}` +
        `${digits(line.ratio)} (${line.quartiles.map(digits).join(" .. ")})     ${digits(line.refreshed).padEnd(17)}` +
        `${line.pattern.padEnd(5)} ${digits(line.patternRatio).padEnd(11)}${digits(line.weightGradRatio)}`,
    );
  }
}

/** Shapes: batch, height, width, channels, outputs; 3 x 3 kernels with padding 1. */
const CONVOLUTIONS = [
  [64, 32, 32, 3, 32],
  [64, 16, 16, 32, 64],
  [64, 8, 8, 64, 128],
  [64, 16, 16, 128, 128],
  [128, 32, 32, 16, 16],
];

console.log(
  "\nconvolution          sparsity  dense ms  forward: dense/CSR  inputGrad  weightGrad: dense/CSR, values taken anew",
);
const convolutions: object[] = [];
for (const [batch, height, width, channels, out] of CONVOLUTIONS) {
  for (const sparsity of SPARSITIES.slice(0, 4)) {
    const geometry = Int32Array.of(batch, height, width, channels, 3, 3, 1, 1, height, width, out);
    const k = 9 * channels;
    const w = filled(out * k);
    for (let i = 0; i < w.length; i++) if (random.uniform() < sparsity) w[i] = 0;
    const csr = new CsrMatrix(kernels, w, out, k);
    const turned = new CsrMatrix(kernels, w, channels, 9 * out, (channel, column) => {
      return (column % out) * k + (8 - Math.floor(column / out)) * channels + channel;
    });
    const [x, y] = [filled(batch * height * width * channels), filled(batch * height * width * out)];
    const [dx, dw] = [filled(x.length), filled(w.length)];
    const back = inputGradGeometry(geometry);
    const [dense, own, denseBack, ownBack, denseGrad, ownGrad] = interleave(
      {
        dense: () => kernels.forward(y, x, w, null, geometry, 0),
        csr: () => {
          csr.refresh(w);
          csr.forward(y, x, geometry);
        },
        "dense inputGrad": () => kernels.inputGrad(dx, y, w, geometry),
        "csr inputGrad": () => {
          turned.refresh(w);
          turned.forward(dx, y, back);
        },
        "dense weightGrad": () => kernels.weightGrad(dw, y, x, geometry),
        "csr weightGrad": () => csr.weightGrad(dw, y, x, geometry),
      },
      20,
      2,
    );
    const inputGradRatio = denseBack.ms.median / ownBack.ms.median;
    const weightGradRatio = denseGrad.ms.median / ownGrad.ms.median;
    const line = {
      ...{ batch, height, width, channels, out, sparsity, denseMs: dense.ms.median },
      ...{ ratio: own.ratio.median, quartiles: [own.ratio.q1, own.ratio.q3], inputGradRatio, weightGradRatio },
    };
    convolutions.push(line);
    const name = `${batch}x${height}x${width}x${channels}:${out}`;
    console.log(
      `${name.padEnd(21)}${String(sparsity).padEnd(10)}${dense.ms.median.toFixed(2).padEnd(10)}` +
        `${own.ratio.median.toFixed(2)} (${line.quartiles.map((x) => x.toFixed(2)).join(" .. ")})  ${inputGradRatio.toFixed(2)}  ${weightGradRatio.toFixed(2)}`,
    );
  }
}

const { backend, instructionSet, threads } = kernels;
const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ machine, matrices, convolutions }, null, 1)}\n`);
