/**
 * The native and the WASM backend against the oracle, with every instruction set of this machine; the oracle against PyTorch.
 * All backends in one file: each trial is drawn once, and the oracle asked once.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nativeInstructionSets, nativeKernels } from "../../node/native.ts";
import { openWasm, wasmInstructionSets } from "../../node/wasm.ts";
import { kernelConformance, sameBitsConformance } from "./conformance.ts";
import type { Geometry } from "./geometry.ts";
import { jsKernels } from "./js.ts";
import type { F32 } from "./memory.ts";
import { WASM_INSTRUCTION_SETS } from "./wasm.ts";

const sets = nativeInstructionSets();
for (const set of sets) kernelConformance(`native ${set}`, () => nativeKernels(1, set));

const available = wasmInstructionSets();
for (const set of WASM_INSTRUCTION_SETS) {
  if (available.includes(set)) kernelConformance(`wasm ${set}`, () => openWasm(set));
  else test.skip(`wasm ${set}: this engine has no relaxed SIMD`, () => {});
}

describe.skipIf(sets.length === 0)("native", () => {
  const threads = (set: string) => [1, 2, 4].map((count) => () => nativeKernels(count, set));
  sameBitsConformance(Object.fromEntries(sets.map((set) => [set, threads(set)])));
});

interface Stored {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
type Tensors = Readonly<Record<string, Stored>>;
interface Golden {
  readonly op: string;
  readonly options: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  readonly inputs: Tensors;
  readonly outputs: Tensors;
}

const floats = ({ data }: Stored): F32 => Float32Array.from(data);
const like = (x: F32): F32 => new Float32Array(x.length);

/** Of a convolution or a window, from the shapes of its images and outputs. */
function geometryOf({ inputs: { x, dy }, options }: Golden): Geometry {
  const { kernel, stride, padding } = options as Record<string, number>;
  const [batch, height, width, channels] = x.shape;
  return Int32Array.of(batch, height, width, channels, kernel, kernel, stride, padding, ...dy.shape.slice(1));
}

/** What PyTorch's operation is in kernels; returns the outputs by PyTorch's names. */
const operations: Record<string, (golden: Golden) => Record<string, ArrayLike<number>>> = {
  gelu: ({ inputs }) => {
    const k = jsKernels();
    const [x, dy] = [floats(inputs.x), floats(inputs.dy)];
    const [y, dx] = [like(x), like(x)];
    k.gelu(y, x, x.length);
    k.geluBackward(dx, dy, x, x.length);
    return { y, dx };
  },
  softmax_cross_entropy: ({ inputs }) => {
    const k = jsKernels();
    const [rows, classes] = inputs.logits.shape;
    const [losses, dlogits] = [new Float32Array(rows), new Float32Array(rows * classes)];
    k.softmaxCrossEntropy(losses, dlogits, floats(inputs.logits), Int32Array.from(inputs.labels.data), rows, classes);
    return { losses, dlogits, loss: [losses.reduce((sum, loss) => sum + loss, 0) / rows] };
  },
  batch_norm: ({ inputs, options }) => {
    const { epsilon, momentum } = options as Record<string, number>;
    const k = jsKernels();
    const [x, gamma, beta, dy] = [inputs.x, inputs.gamma, inputs.beta, inputs.dy].map(floats);
    const [mean, variance] = [floats(inputs.running_mean), floats(inputs.running_variance)];
    const [y, infer, dx, dgamma, dbeta] = [x, x, x, mean, mean].map(like);
    const [statistics, running] = [
      { mean: like(mean), invStd: like(mean) },
      { mean, variance },
    ];
    const affine = { gamma, beta };
    const channels = gamma.length;
    const rows = x.length / channels;
    k.batchNormInfer(infer, x, affine, running, rows, channels, { epsilon, relu: 0 });
    k.batchNorm(y, statistics, running, x, affine, rows, channels, { epsilon, momentum, relu: 0 });
    k.batchNormBackward({ dx, dgamma, dbeta }, dy, null, x, gamma, statistics, rows, channels);
    return { y, dx, dgamma, dbeta, running_mean: mean, running_variance: variance, y_infer: infer };
  },
  layer_norm: ({ inputs, options }) => {
    const k = jsKernels();
    const [x, gamma, beta, dy] = [inputs.x, inputs.gamma, inputs.beta, inputs.dy].map(floats);
    const [rows, columns] = [x.length / gamma.length, gamma.length];
    const statistics = { mean: new Float32Array(rows), invStd: new Float32Array(rows) };
    const [y, dx, dgamma, dbeta] = [x, x, gamma, beta].map(like);
    k.layerNorm(y, statistics, x, { gamma, beta }, rows, columns, options.epsilon as number);
    k.layerNormBackward({ dx, dgamma, dbeta }, dy, x, gamma, statistics, rows, columns);
    return { y, dx, dgamma, dbeta };
  },
  causal_attention: ({ inputs, options }) => {
    const k = jsKernels();
    const [qkv, dy] = [floats(inputs.qkv), floats(inputs.dy)];
    const [batch, length, dim] = inputs.dy.shape;
    const heads = options.heads as number;
    const [y, dqkv, logSum] = [like(dy), like(qkv), new Float32Array(batch * heads * length)];
    k.attention(y, logSum, qkv, batch, length, dim, heads);
    k.attentionBackward(dqkv, dy, qkv, logSum, batch, length, dim, heads);
    return { y, dqkv };
  },
  max_pool: (golden) => {
    const k = jsKernels();
    const [x, dy, g] = [floats(golden.inputs.x), floats(golden.inputs.dy), geometryOf(golden)];
    const [y, dx, winner] = [like(dy), like(x), new Uint8Array(dy.length)];
    k.maxPool(y, winner, x, g);
    k.maxPoolBackward(dx, dy, winner, g);
    return { y, dx };
  },
  average_pool: (golden) => {
    const k = jsKernels();
    const [x, dy, g] = [floats(golden.inputs.x), floats(golden.inputs.dy), geometryOf(golden)];
    const [y, dx] = [like(dy), like(x)];
    k.averagePool(y, x, g);
    k.averagePoolBackward(dx, dy, g);
    return { y, dx };
  },
  conv2d: (golden) => {
    const k = jsKernels();
    const { inputs } = golden;
    const g = geometryOf(golden);
    const [x, w, bias, dy] = [inputs.x, inputs.w, inputs.bias, inputs.dy].map(floats);
    const [y, dx, dw, dbias] = [dy, x, w, bias].map(like);
    k.forward(y, x, w, bias, g, 0);
    k.inputGrad(dx, dy, w, g);
    k.weightGrad(dw, dy, x, g);
    k.columnSums(dbias, dy, dy.length / bias.length, bias.length);
    return { y, dx, dw, dbias };
  },
  optimizer: ({ inputs, options }) => {
    const k = jsKernels();
    const w = floats(inputs.w);
    const [first, second] = [like(w), like(w)];
    const gradients = floats(inputs.gradients);
    const weights: number[] = [];
    const { lr, weight_decay: decay, momentum, eps } = options as Record<string, number>;
    for (let t = 1; t <= inputs.gradients.shape[0]; t++) {
      const grad = gradients.slice((t - 1) * w.length, t * w.length);
      if (options.type === "sgd") {
        const numbers = { rate: lr, momentum, decay, nesterov: options.nesterov ? 1 : 0 };
        k.sgd(w, momentum === 0 ? null : first, grad, w.length, numbers, null);
      } else {
        const [beta1, beta2] = options.betas as readonly number[];
        const [correction1, correction2] = [1 - beta1 ** t, 1 - beta2 ** t];
        const numbers = { rate: lr, beta1, beta2, epsilon: eps, decay, correction1, correction2 };
        k.adam(w, { moment1: first, moment2: second }, grad, w.length, numbers, null);
      }
      weights.push(...w);
    }
    return { weights };
  },
  clip_grad_norm: ({ inputs, options }) => {
    const k = jsKernels();
    const [a, b, sum] = [floats(inputs.a), floats(inputs.b), new Float64Array(1)];
    let squares = 0;
    for (const gradient of [a, b]) {
      k.sumOfSquares(sum, gradient, gradient.length);
      squares += sum[0];
    }
    const norm = Math.sqrt(squares);
    const factor = Math.min(1, (options.max_norm as number) / (norm + 1e-6));
    for (const gradient of [a, b]) k.scale(gradient, gradient.length, factor);
    return { norm: [norm], a, b };
  },
};

describe("the oracle computes what PyTorch does", () => {
  const path = new URL("../../../test/golden/ops.json", import.meta.url);
  const { cases } = JSON.parse(readFileSync(path, "utf8")) as { cases: readonly Golden[] };
  test.each(cases.map((golden) => [golden.op, JSON.stringify(golden.options), golden] as const))(
    "in %s %s",
    (op, _, golden) => {
      const outputs = operations[op](golden);
      expect(Object.keys(outputs).sort()).toEqual(Object.keys(golden.outputs).sort());
      for (const [name, { data }] of Object.entries(golden.outputs)) {
        expect(outputs[name].length).toBe(data.length);
        // the golden values are float64: what is left is the rounding of inputs' products and of the output to f32
        const tolerance = 1e-6 * Math.max(1, ...data.map(Math.abs));
        data.forEach((wanted, i) => {
          const got = outputs[name][i];
          if (!(Math.abs(got - wanted) <= tolerance)) throw new Error(`${name}[${i}]: ${got}, PyTorch has ${wanted}`);
        });
      }
    },
  );
});
