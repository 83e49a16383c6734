/** jax-js on its WASM backend. It has no AdamW in its package; the update is written in its arrays. */
import type { Size } from "../../src/lab/bench/gemm.ts";
import {
  at,
  filled,
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

/** Every function takes ownership of its arguments; `ref` gives one more reference. */
interface A {
  readonly ref: A;
  readonly shape: number[];
  add(y: A | number): A;
  sub(y: A | number): A;
  mul(y: A | number): A;
  div(y: A | number): A;
  reshape(shape: number[]): A;
  data(): Promise<Float32Array>;
  dispose(): void;
}
type Parameters = A[][];

interface Jax {
  init(device: string): Promise<string[]>;
  blockUntilReady(x: unknown): Promise<unknown>;
  jit<F>(f: F): F;
  valueAndGrad(f: (p: Parameters, x: A, y: A) => A): (p: Parameters, x: A, y: A) => [A, Parameters];
  readonly numpy: {
    array(values: Float32Array | number): A;
    matmul(a: A, b: A): A;
    transpose(a: A): A;
    sqrt(a: A): A;
    reciprocal(a: A): A;
    power(a: number, b: A): A;
    subtract(a: number, b: A): A;
    zerosLike(a: A): A;
    sum(a: A, axis: number): A;
    max(a: A, axis: number): A;
    mean(a: A, axis?: number[], options?: { keepdims: boolean }): A;
  };
  readonly nn: { relu(x: A): A; logSoftmax(x: A, axis: number): A };
  readonly lax: { conv(x: A, w: A, strides: number[], padding: string): A };
  readonly tree: { map<T>(f: (...leaves: A[]) => A, ...trees: T[]): T; ref<T>(tree: T): T };
}

interface State {
  readonly p: Parameters;
  readonly m: Parameters;
  readonly v: Parameters;
}

export const openJaxJs: Open = async () => {
  const jax = await load<Jax>("@jax-js/jax");
  if (jax === undefined) return NOT_INSTALLED;
  await jax.init("wasm");
  const { numpy: np, nn, lax, tree } = jax;
  const version = await packageVersion();
  // the probe by which it chooses: a module with one f32x4.relaxed_madd
  const probe = "0061736d0100000001080160037b7b7b017b030201000a0d010b00200020012002fd85020b";
  const relaxed = WebAssembly.validate(Buffer.from(probe, "hex"));
  let seed = 10;
  const array = (shape: number[], scale: number): A => {
    const length = shape.reduce((a, b) => a * b);
    return np.array(filled(seed++, length).map((one) => 2 * scale * one)).reshape(shape);
  };
  const constant = (shape: number[], value: number): A =>
    np.array(new Float32Array(shape.reduce((a, b) => a * b)).fill(value)).reshape(shape);

  async function product({ t, i, o }: Size, operands: Operands): Promise<Variant> {
    const x = np.array(operands.x).reshape([t, i]);
    const w = np.array(operands.w).reshape([o, i]);
    await jax!.blockUntilReady([x, w]);
    const multiply = jax!.jit((x: A, w: A) => np.matmul(x, np.transpose(w)));
    let last: A | undefined;
    return {
      name: "jax-js, jit",
      run: () => {
        last?.dispose();
        return timed(() => {
          last = multiply(x.ref, w.ref);
          return jax!.blockUntilReady(last);
        });
      },
      result: async () => at(await last!.ref.data()),
      stop: () => {
        for (const one of [x, w, last!]) one.dispose();
      },
    };
  }

  const linear = (h: A, [w, b]: A[]): A => np.matmul(h, np.transpose(w)).add(b);
  const batchNorm = (h: A, gamma: A, beta: A): A => {
    const keepdims = { keepdims: true };
    const centerd = h.ref.sub(np.mean(h, [0, 2, 3], keepdims));
    const variance = np.mean(centerd.ref.mul(centerd.ref), [0, 2, 3], keepdims);
    return centerd
      .mul(np.reciprocal(np.sqrt(variance.add(1e-5))))
      .mul(gamma)
      .add(beta);
  };
  const maxPool = (h: A): A => {
    const [n, c, height, width] = h.shape;
    return np.max(np.max(h.reshape([n, c, height / 2, 2, width / 2, 2]), 5), 3);
  };
  const conv = (h: A, [w, gamma, beta]: A[]): A => nn.relu(batchNorm(lax.conv(h, w, [1, 1], "SAME"), gamma, beta));

  const models: Record<ModelName, { input: number[]; forward: (p: Parameters, x: A) => A; make: () => Parameters }> = {
    mlp: {
      input: [784],
      forward: ([a, b, c], x) => linear(nn.relu(linear(nn.relu(linear(x, a)), b)), c),
      make: () =>
        [
          [1024, 784],
          [1024, 1024],
          [10, 1024],
        ].map((shape) => [array(shape, 0.04), constant([shape[0]], 0)]),
    },
    cnn: {
      input: [3, 32, 32],
      forward: ([a, b, c, d], x) => linear(np.mean(conv(maxPool(conv(maxPool(conv(x, a)), b)), c), [2, 3]), d),
      make: () => [
        ...[
          [32, 3],
          [64, 32],
          [128, 64],
        ].map(([o, i]) => [array([o, i, 3, 3], 0.1), constant([1, o, 1, 1], 1), constant([1, o, 1, 1], 0)]),
        [array([10, 128], 0.1), constant([10], 0)],
      ],
    },
  };

  function training(name: string, which: ModelName, compile: <F>(f: F) => F): Variant {
    const { input, forward, make } = models[which];
    const { batch } = MODELS[which];
    const loss = (p: Parameters, x: A, y: A): A => np.mean(np.sum(nn.logSoftmax(forward(p, x), -1).mul(y), -1)).mul(-1);
    const step = compile(({ p, m, v }: State, t: A, x: A, y: A): [A, State] => {
      const [value, gradient] = jax!.valueAndGrad(loss)(tree.ref(p), x, y);
      const m2 = tree.map((m, g) => m.mul(0.9).add(g.mul(0.1)), m, tree.ref(gradient));
      const v2 = tree.map((v, g) => v.mul(0.999).add(g.ref.mul(g).mul(0.001)), v, gradient);
      const c1 = np.subtract(1, np.power(0.9, t.ref));
      const c2 = np.subtract(1, np.power(0.999, t));
      const p2 = tree.map(
        (p, m, v) => {
          const move = m.div(c1.ref).div(np.sqrt(v.div(c2.ref)).add(1e-8));
          return p.mul(1 - RATE * 1e-2).sub(move.mul(RATE));
        },
        p,
        tree.ref(m2),
        tree.ref(v2),
      );
      c1.dispose();
      c2.dispose();
      return [value, { p: p2, m: m2, v: v2 }];
    });
    const p = make();
    const zeros = (): Parameters => tree.map((one: A) => np.zerosLike(one), tree.ref(p));
    let state: State = { p, m: zeros(), v: zeros() };
    const x = array([batch, ...input], 1);
    const y = np.array(oneHot(batch)).reshape([batch, 10]);
    let last = Number.NaN;
    let t = 0;
    return {
      name,
      run: () =>
        timed(async () => {
          const [value, next] = step(state, np.array(++t), x.ref, y.ref);
          state = next;
          await jax!.blockUntilReady([state.p, state.m, state.v]);
          last = (await value.data())[0];
        }),
      result: async () => [last],
      stop: () => {
        for (const one of [...state.p, ...state.m, ...state.v, [x, y]].flat()) one.dispose();
      },
    };
  }

  return {
    ...{ name: "jax-js", version, runtime: "wasm", instructionSet: relaxed ? "relaxed-simd" : "simd128", threads: 1 },
    product: async (gemm, size, operands) => (gemm === "forward" ? [await product(size, operands)] : []),
    // 0.1.25 compiles a step of convolutions into one that takes twice as long
    step: async (which) =>
      which === "mlp"
        ? [training("jax-js, jit, AdamW", which, (f) => jax.jit(f))]
        : [training("jax-js, eager, AdamW", which, (f) => f)],
    stop: () => {},
  };
};

async function packageVersion(): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8");
  return JSON.parse(text).version;
}
