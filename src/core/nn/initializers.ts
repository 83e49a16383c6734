/** Initializers, which write the first values of weights. fanIn is the number of inputs that one output sums over. */
import type { Random } from "../random.ts";

export type Initializer = (data: Float32Array, fanIn: number, fanOut: number, random: Random) => void;

const uniform = (data: Float32Array, bound: number, random: Random): void => {
  for (let i = 0; i < data.length; i++) data[i] = (random.uniform() * 2 - 1) * bound;
};

/** Uniform within 1 / sqrt(fan in): the default of Linear and Conv2d, in PyTorch and here. */
export const fanInUniform: Initializer = (data, fanIn, _, random) => uniform(data, 1 / Math.sqrt(fanIn), random);

/** Uniform with variance 2 / fan in, for layers before a ReLU (He et al. 2015, equation 10). */
export const kaimingUniform: Initializer = (data, fanIn, _, random) => uniform(data, Math.sqrt(6 / fanIn), random);

/** Normal with variance 2 / fan in. */
export const kaimingNormal: Initializer = (data, fanIn, _, random) => {
  const deviation = Math.sqrt(2 / fanIn);
  for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
};

/** Uniform with variance 2 / (fan in + fan out) (Glorot and Bengio 2010, equation 16). */
export const xavierUniform: Initializer = (data, fanIn, fanOut, random) =>
  uniform(data, Math.sqrt(6 / (fanIn + fanOut)), random);

/** Normal with this standard deviation, whatever the fan. */
export const normal =
  (deviation: number): Initializer =>
  (data, _, __, random) => {
    for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
  };

/** Normal with standard deviation 0.02, for embeddings and products of a transformer (Radford et al. 2019, GPT-2). */
export const smallNormal: Initializer = normal(0.02);

export const zeros: Initializer = (data) => {
  data.fill(0);
};
