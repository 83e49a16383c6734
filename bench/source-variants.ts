/**
 * Parts of methods as their sources have them, where ours differ: for bench/differences.ts. Plain loops on the host; products are
 * those of dense weights with zeros where our packs cannot hold the source's groups.
 */
import type { F32 } from "../src/core/backend/memory.ts";
import type { Slot, Transform } from "../src/core/optim/transform.ts";
import { isKept } from "../src/core/sparse/mask.ts";
import type { Clock, SparseParameter, WeightMethod } from "../src/core/sparsity/methods/method.ts";
import type { UnstructuredMethod } from "../src/core/sparsity/methods/unstructured/unstructured-method.ts";
import { asp } from "../src/core/sparsity/methods/weights/asp.ts";
import { domino } from "../src/core/sparsity/methods/weights/domino.ts";

/** Flags of the n largest of each group of places; of equal ones the earlier place. */
function largestOf(weight: F32, groups: readonly (readonly number[])[], n: number): Uint8Array {
  const flags = new Uint8Array(weight.length);
  for (const group of groups) {
    const places = [...group].sort((a, b) => Math.abs(weight[b]) - Math.abs(weight[a]));
    for (const place of places.slice(0, n)) flags[place] = 1;
  }
  return flags;
}

/** Groups of m places that lie one after another in this order. */
const cut = (order: readonly number[], m: number): number[][] =>
  Array.from({ length: order.length / m }, (_, i) => order.slice(i * m, i * m + m));

/** Multiplies by the weight, dense, with a factor for each place. */
function multiply(parameter: SparseParameter, factor: (at: number) => number): void {
  const values = parameter.scratch("values", parameter.weight.length);
  for (let at = 0; at < values.length; at++) values[at] = parameter.weight[at] * factor(at);
  parameter.multiplyBy(values);
}

/**
 * SR-STE with groups along the flattened kernel, [channels, taps], as the first results of Zhou et al. had them, and as
 * Bi-Mask's forward has them.
 */
export function flattened(lambda: number): WeightMethod {
  const masks = new Map<string, Uint8Array>();
  const groups = new Map<string, number[][]>();
  return {
    name: "flattened",
    beforeForward: (parameter) => {
      const { name, weight, rows, k, taps, pattern } = parameter;
      const channels = k / taps;
      if (!groups.has(name)) {
        const order = Array.from({ length: rows * k }, (_, i) => {
          const [row, at] = [Math.floor(i / k), i % k];
          return row * k + (at % taps) * channels + Math.floor(at / taps);
        });
        groups.set(name, cut(order, pattern.m));
      }
      const mask = largestOf(weight, groups.get(name)!, pattern.n);
      masks.set(parameter.name, mask);
      multiply(parameter, (at) => mask[at]);
    },
    onGradient: ({ name, gradient, weight }) => {
      const mask = masks.get(name)!;
      for (let at = 0; at < gradient.length; at++) gradient[at] += lambda * (1 - mask[at]) * weight[at];
    },
  };
}

/** SdGf-Geometric with its groups of 8M, 4M and 2M, along the flattened weight and over the ends of rows, as the source cuts them. */
export function geometricFrames(from: number, until: number): WeightMethod {
  return {
    name: "geometric",
    beforeForward: (parameter, { step, steps, training }) => {
      const { weight, pattern } = parameter;
      const done = ((training ? step : step - 1) / steps - from) / (until - from);
      if (done < 0) return;
      const factor = [8, 4, 2, 1][Math.min(3, Math.floor(4 * done))];
      if (factor === 1) {
        parameter.prune();
        return;
      }
      const order = Array.from(weight.keys());
      const mask = largestOf(weight, cut(order, factor * pattern.m), factor * pattern.n);
      multiply(parameter, (at) => mask[at]);
    },
  };
}

/** MdGf: pruned weights times d(t), from the end of the dense share; binary masks from `binary` on. */
export function fading(from: number, binary: number, d: (share: number) => number): WeightMethod {
  return {
    name: "fading",
    beforeForward: (parameter, { step, steps, training }) => {
      const share = (training ? step : step - 1) / steps;
      if (share < from) return;
      parameter.prune();
      if (share >= binary) return;
      const { mask, k } = parameter;
      multiply(parameter, (at) => (isKept(mask, k, Math.floor(at / k), at % k) ? 1 : d(share)));
    },
  };
}

/** ASP that leaves the moments of pruned weights as they are. */
export function aspWithMoments(options: { readonly recompute: number }): WeightMethod {
  return {
    ...asp(options),
    onGradient: (parameter) => {
      if (parameter.pruned) parameter.maskGradient();
    },
  };
}

/**
 * AST's update in its authors' adamw.py: u = m + lambda (1 - E) w, v is the mean of u^2, and the step is
 * rate / (1 - beta1^t) * u / (sqrt(v / (1 - beta2^t)) + epsilon), after the weight decay.
 */
export function astOfAuthors(
  lambda: number,
  rise: number,
  rate: (step: number) => number,
): { readonly weights: WeightMethod; readonly optimizer: Transform } {
  const sparse = new Map<F32, SparseParameter>();
  let strength = 0;
  const update = ({ parameter: { data, grad, size }, state }: Slot, step: number): void => {
    const masked = sparse.get(data);
    const { moment1: m, moment2: v } = state;
    const [first, second] = [1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)];
    for (let at = 0; at < size; at++) {
      data[at] *= 1 - rate(step) * 0.01;
      m[at] = 0.9 * m[at] + 0.1 * grad[at];
      const isPruned = masked !== undefined && !isKept(masked.mask, masked.k, Math.floor(at / masked.k), at % masked.k);
      const moved = m[at] + (isPruned ? strength * data[at] : 0);
      const square = masked === undefined ? grad[at] : moved;
      v[at] = 0.999 * v[at] + 0.001 * square * square;
      data[at] -= ((rate(step) / first) * moved) / (Math.sqrt(v[at] / second) + 1e-8);
    }
  };
  return {
    weights: {
      name: "ast of the authors",
      beforeForward: (parameter) => parameter.prune(),
      onGradient: (parameter, { step, steps }) => {
        sparse.set(parameter.weight, parameter);
        strength = lambda * Math.min(1, step / (rise * steps));
      },
    },
    optimizer: {
      name: "adamW of the authors",
      applies: true,
      learningRate: rate,
      init: ({ device, size }) => ({ moment1: device.kernels.float32(size), moment2: device.kernels.float32(size) }),
      update: (slots, step) => {
        for (const slot of slots) update(slot, step);
      },
    },
  };
}

/** DominoSearch whose pull acts at every fifth step, with ten times the decay. */
export function dominoOfEveryFifth(decay: number): WeightMethod {
  const [pulls, rests] = [domino({ decay }), domino({ decay: 0 })];
  return {
    ...pulls,
    onGradient: (parameter, clock) => (clock.step % 5 === 0 ? pulls : rests).onGradient!(parameter, clock),
  };
}

/** Transposable masks of 16 weights that lie one after another, as the authors' code cuts them; each is the best of its 90. */
export function consecutiveBlocks(lambda: number, refresh: number): WeightMethod {
  const rows = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100];
  const patterns = rows
    .flatMap((a) => rows.flatMap((b) => rows.flatMap((c) => rows.map((d) => a | (b << 4) | (c << 8) | (d << 12)))))
    .filter((bits) => [0, 1, 2, 3].every((j) => [0, 4, 8, 12].filter((i) => (bits >> (i + j)) & 1).length === 2));
  const choose = ({ weight, rows: outputs, k }: SparseParameter, mask: Uint32Array): void => {
    const words = mask.length / outputs;
    mask.fill(0);
    for (let first = 0; first < weight.length; first += 16) {
      const sumOf = (bits: number): number => {
        let sum = 0;
        for (let i = 0; i < 16; i++) if ((bits >> i) & 1) sum += Math.abs(weight[first + i]);
        return sum;
      };
      let [best, most] = [0, -1];
      for (const bits of patterns) {
        const sum = sumOf(bits);
        if (sum > most) [best, most] = [bits, sum];
      }
      const [row, column] = [Math.floor(first / k), first % k];
      mask[row * words + (column >> 5)] |= best << (column & 31);
    }
  };
  return {
    name: "consecutive blocks",
    beforeForward: (parameter, { step }) => {
      if (!parameter.pruned || step % refresh === 0) parameter.pruneBy((mask) => choose(parameter, mask));
      else parameter.repack();
    },
    onGradient: (parameter) => parameter.decayPruned(lambda),
  };
}

/** A method that is dense for some steps. */
export function denseBefore(begin: number, method: WeightMethod): WeightMethod {
  const isDense = ({ step, training }: Clock): boolean => (training ? step : step - 1) < begin;
  return {
    ...method,
    beforeForward: (parameter, clock) => {
      if (!isDense(clock)) method.beforeForward(parameter, clock);
    },
    onGradient: (parameter, clock) => {
      if (!isDense(clock)) method.onGradient?.(parameter, clock);
    },
  };
}

/** A method that takes the first step of an epoch for all of its steps, so that its schedule falls by epochs. */
export function byEpochs(stepsPerEpoch: number, method: WeightMethod): WeightMethod {
  const floored = (clock: Clock): Clock => ({
    ...clock,
    step: Math.floor(clock.step / stepsPerEpoch) * stepsPerEpoch,
  });
  return {
    ...method,
    beforeForward: (parameter, clock) => method.beforeForward(parameter, floored(clock)),
    onGradient: (parameter, clock) => method.onGradient?.(parameter, floored(clock)),
  };
}

/** SET as set_mlp_keras_cifar10.py has it: drops so many of the positive and of the negative weights, and what grows again is zero. */
export function setBySign(every: number, drop: number, until: number, method: UnstructuredMethod): UnstructuredMethod {
  return {
    ...method,
    update: ({ parameters, random }, { step, steps }) => {
      if (step === 0 || step % every !== 0 || step >= until * steps) return "step";
      const draws = random(step);
      for (const parameter of parameters) {
        const { weight, maskBytes } = parameter;
        const count = maskBytes.reduce((sum, one) => sum + one, 0);
        const survivors = new Uint8Array(weight.length);
        for (const sign of [1, -1]) {
          const own = Array.from(weight.keys()).filter((at) => maskBytes[at] === 1 && sign * weight[at] > 0);
          own.sort((a, b) => Math.abs(weight[b]) - Math.abs(weight[a]));
          for (const at of own.slice(0, own.length - Math.floor(drop * own.length))) survivors[at] = 1;
        }
        // what is kept twice in a row keeps its value, so that this begins with all others at zero
        parameter.keep(survivors);
        const grown = survivors.slice();
        for (let left = count - survivors.reduce((sum, one) => sum + one, 0); left > 0; ) {
          const at = draws.integer(weight.length);
          if (grown[at] === 1) continue;
          grown[at] = 1;
          left--;
        }
        parameter.keep(grown);
      }
      return "step";
    },
  };
}

/** A method whose updates are followed by the optimizer's step. */
export function thenSteps(method: UnstructuredMethod): UnstructuredMethod {
  return {
    ...method,
    update: (all, clock) => {
      method.update(all, clock);
      return "step";
    },
  };
}
