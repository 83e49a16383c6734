/** First values of weights. fanIn: inputs that one output sums over. */
import type { Random } from "../random.ts";

export type Initialiser = (data: Float32Array, fanIn: number, fanOut: number, random: Random) => void;

const uniform = (data: Float32Array, bound: number, random: Random): void => {
  for (let i = 0; i < data.length; i++) data[i] = (random.uniform() * 2 - 1) * bound;
};

/** Uniform within 1 / sqrt(fan in): what PyTorch gives Linear and Conv2d, and ours. */
export const fanInUniform: Initialiser = (data, fanIn, _, random) => uniform(data, 1 / Math.sqrt(fanIn), random);

/** Uniform of variance 2 / fan in, for layers before a ReLU (He et al. 2015, equation 10). */
export const kaimingUniform: Initialiser = (data, fanIn, _, random) => uniform(data, Math.sqrt(6 / fanIn), random);

/** Normal of variance 2 / fan in. */
export const kaimingNormal: Initialiser = (data, fanIn, _, random) => {
  const deviation = Math.sqrt(2 / fanIn);
  for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
};

/** Uniform of variance 2 / (fan in + fan out) (Glorot and Bengio 2010, equation 16). */
export const xavierUniform: Initialiser = (data, fanIn, fanOut, random) =>
  uniform(data, Math.sqrt(6 / (fanIn + fanOut)), random);

/** Normal of this deviation, whatever the fan. */
export const normal =
  (deviation: number): Initialiser =>
  (data, _, __, random) => {
    for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
  };

/** Of embeddings and products of a transformer (Radford et al. 2019, GPT-2). */
export const smallNormal: Initialiser = normal(0.02);

export const zeros: Initialiser = (data) => {
  data.fill(0);
};
