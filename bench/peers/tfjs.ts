/** TensorFlow.js on its WASM backend (XNNPACK). It has Adam but no AdamW. */
import type { Size } from "../../src/lab/bench/gemm.ts";
import {
  at,
  load,
  MODELS,
  type ModelName,
  NOT_INSTALLED,
  type Open,
  type Operands,
  oneHot,
  RATE,
  timed,
  type Variant,
} from "./peer.ts";

interface Tensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  sum(axis: number): Tensor;
  dispose(): void;
}

interface Core {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { getAsync(flag: string): Promise<boolean | number> };
  tensor(values: ArrayLike<number>, shape: number[]): Tensor;
  randomNormal(shape: number[]): Tensor;
  keep(x: Tensor): Tensor;
  tidy<T>(call: () => T): T;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  transpose(x: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  customGrad(
    f: (
      a: Tensor,
      b: Tensor,
      save: (saved: Tensor[]) => void,
    ) => {
      value: Tensor;
      gradFunc: (dy: Tensor, saved: Tensor[]) => Tensor[];
    },
  ): (a: Tensor, b: Tensor) => Tensor;
  readonly losses: { softmaxCrossEntropy(oneHot: Tensor, logits: Tensor): Tensor };
  readonly train: {
    adam(rate: number): { minimize(loss: () => Tensor, returnCost: true, of: unknown[]): Tensor; dispose(): void };
  };
}

type Layer = object;
interface Layers {
  readonly layers: Record<string, (options: object) => Layer>;
  sequential(options: { layers: Layer[] }): {
    apply(x: Tensor, options: { training: boolean }): Tensor;
    countParams(): number;
    readonly trainableWeights: { val: Tensor }[];
    dispose(): void;
  };
}

interface Wasm {
  setThreadsCount(count: number): void;
  readonly version_wasm: string;
}

export const openTfjs: Open = async () => {
  const tf = await load<Core>("@tensorflow/tfjs-core");
  const wasm = await load<Wasm>("@tensorflow/tfjs-backend-wasm");
  const layersApi = await load<Layers>("@tensorflow/tfjs-layers");
  if (tf === undefined || wasm === undefined || layersApi === undefined) return NOT_INSTALLED;
  const { layers, sequential } = layersApi;
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");

  /** A product that its backend computes as soon as it is called. */
  function product(name: string, multiply: () => Tensor, held: Tensor[]): Variant {
    let last: Tensor | undefined;
    return {
      name,
      run: () => {
        last?.dispose();
        return timed(() => {
          last = tf!.tidy(multiply);
        });
      },
      result: async () => at(await last!.data()),
      stop: () => {
        for (const tensor of [...held, last!]) tensor.dispose();
      },
    };
  }

  // matMul runs XNNPACK only if nothing is transposed, else a loop 10 times slower: so operands are transposed first.
  function products({ t, i, o }: Size, { x, w }: Operands): Variant[] {
    const make = (): [Tensor, Tensor] => [tf!.tensor(x, [t, i]), tf!.tensor(w, [o, i])];
    const [x1, w1] = make();
    const [x2, w2] = make();
    const turned = tf!.transpose(w1);
    return [
      product("tfjs-wasm, W^T constant", () => tf!.matMul(x1, turned), [x1, w1, turned]),
      product("tfjs-wasm, W fed", () => tf!.matMul(x2, tf!.transpose(w2)), [x2, w2]),
    ];
  }

  const block = (filters: number, more: object = {}): Layer[] => [
    layers.conv2d({ filters, kernelSize: 3, padding: "same", useBias: false, ...more }),
    layers.batchNormalization({}),
    layers.activation({ activation: "relu" }),
  ];
  const pool = (): Layer => layers.maxPooling2d({ poolSize: 2, strides: 2 });
  const models: Record<ModelName, () => { shape: number[]; layers: Layer[]; fixed: number }> = {
    mlp: () => ({
      shape: [784],
      fixed: 0,
      layers: [
        layers.dense({ inputShape: [784], units: 1024, activation: "relu" }),
        layers.dense({ units: 1024, activation: "relu" }),
        layers.dense({ units: 10 }),
      ],
    }),
    cnn: () => ({
      shape: [32, 32, 3],
      // countParams also counts the running means and variances
      fixed: 2 * (32 + 64 + 128),
      layers: [
        ...block(32, { inputShape: [32, 32, 3] }),
        pool(),
        ...block(64),
        pool(),
        ...block(128),
        layers.globalAveragePooling2d({}),
        layers.dense({ units: 10 }),
      ],
    }),
  };

  function training(name: string, which: ModelName, byHand: boolean): Variant {
    const { shape, layers: list, fixed } = models[which]();
    const model = sequential({ layers: list });
    const { batch, parameters } = MODELS[which];
    if (model.countParams() - fixed !== parameters) throw new Error(`${name}: another model`);
    const x = tf!.randomNormal([batch, ...shape]);
    const labels = tf!.tensor(oneHot(batch), [batch, 10]);
    const weights = model.trainableWeights.map(({ val }) => val);
    const optimizer = tf!.train.adam(RATE);
    const multiply = tf!.customGrad((a, b, save) => {
      save([a, b]);
      return {
        value: tf!.matMul(a, b),
        gradFunc: (dy, [a, b]) => [tf!.matMul(dy, tf!.transpose(b)), tf!.matMul(tf!.transpose(a), dy)],
      };
    });
    const dense = (h: Tensor, i: number): Tensor => tf!.add(multiply(h, weights[2 * i]), weights[2 * i + 1]);
    const logits = (): Tensor =>
      byHand ? dense(tf!.relu(dense(tf!.relu(dense(x, 0)), 1)), 2) : model.apply(x, { training: true });
    let loss = Number.NaN;
    return {
      name,
      run: () =>
        timed(async () => {
          const cost = optimizer.minimize(() => tf!.losses.softmaxCrossEntropy(labels, logits()), true, weights);
          loss = (await cost.data())[0];
          cost.dispose();
        }),
      result: async () => [loss],
      stop: () => {
        for (const one of [x, labels, optimizer, model]) one.dispose();
      },
    };
  }

  return {
    ...{ name: "tfjs-wasm", version: wasm.version_wasm, runtime: "wasm", threads: 1 },
    instructionSet: simd ? "simd128" : "scalar",
    product: async (gemm, size, operands) => (gemm === "forward" ? products(size, operands) : []),
    step: async (which) =>
      which === "mlp"
        ? [training("tfjs-wasm, layers, Adam", which, false), training("tfjs-wasm, own gradients, Adam", which, true)]
        : [training("tfjs-wasm, layers, Adam", which, false)],
    stop: () => {},
  };
};
