/**
 * Puts the channels of a model in an order in which N:M pruning keeps more of its weights' magnitude. The input
 * channels of a layer move together with those of all layers that read the same tensor, and with all arrays that write
 * it: weights, biases, normalization. So the model computes the same as before.
 */
import { type ChannelGroup, type ChannelUse, reorderChannels, traceChannels } from "../nn/channels.ts";
import { Buffer, type Module } from "../nn/module.ts";
import type { Pattern } from "../sparse/pattern.ts";
import { type Permutation, type PermutationOptions, searchPermutation } from "../sparse/permutation/search.ts";
import { type Shape, sizeOf } from "../tensor/tensor.ts";
import { multiplyingWeights } from "./layers.ts";

export interface PermuteOptions extends PermutationOptions {
  /**
   * Arrays that belong to the entries of parameters, as "<parameter>.<name>", such as an optimizer's moments. They move
   * too.
   */
  readonly optimizerState?: ReadonlyMap<string, Float32Array> | undefined;
}

/** The result for the channels that some sparse layers read. */
export interface PermutedChannels {
  /** Path of the first array that writes the channels. */
  readonly channels: string;
  readonly size: number;
  /** Weights that are pruned along these channels; their magnitudes were searched together. */
  readonly layers: readonly string[];
  /** The order that was found; null if the channels stay as they are. */
  readonly found: Permutation | null;
  /** Why the channels stay as they are; null if they were searched. */
  readonly reason: string | null;
}

/**
 * Reorders the channels of a dense model so that pruning keeps more of its weights. `shape` is that of one input,
 * without the batch; `pattern` is that of all weights that multiply, or gives that of each by its name, with null for
 * one that stays dense. Call it between steps and before the pruning, because a mask does not move with its weight.
 */
export function permuteChannels(
  model: Module,
  shape: Shape,
  pattern: Pattern | ((weight: string) => Pattern | null),
  { optimizerState = new Map(), ...options }: PermuteOptions = {},
): PermutedChannels[] {
  const names = new Map<unknown, string>(multiplyingWeights(model).map(({ name, weight }) => [weight, name]));
  const readersOf = ({ uses }: ChannelGroup): Reader[] =>
    uses.flatMap((use) => {
      // a table of tokens that is the head too has two names
      const name = use.reads ? names.get(use.values) : undefined;
      const asked = name === undefined ? null : typeof pattern === "function" ? pattern(name) : pattern;
      return name === undefined || asked === null ? [] : [{ use, name, pattern: asked }];
    });
  // Groups are searched from the last to the first: an order of the rows of a layer decides which rows form a vector,
  // so it must be fixed before the layer's columns are searched. Around a residual sum there is no such sequence.
  return traceChannels(model, shape)
    .groups.toReversed()
    .map((group) => ({ group, readers: readersOf(group) }))
    .filter(({ readers }) => readers.length > 0)
    .map(({ group, readers }) => {
      const layers = readers.map(({ name }) => name);
      const reason = whyNot(group, readers);
      if (reason !== null) return { channels: group.name, size: group.size, layers, found: null, reason };
      const scores = readers.map(({ use, pattern }) => magnitudes(use, group.size, pattern.v));
      const rows = scores.reduce((sum, { length }) => sum + length / group.size, 0);
      const stacked = new Float32Array(rows * group.size);
      scores.reduce((at, part) => {
        stacked.set(part, at);
        return at + part.length;
      }, 0);
      const found = searchPermutation(stacked, rows, group.size, readers[0].pattern, options);
      // an order that keeps no more is not worth a change
      if (found.after > found.before) {
        reorderChannels(group, found.order);
        reorderState(group, optimizerState, found.order);
      }
      return { channels: group.name, size: group.size, layers, found, reason: null };
    })
    .reverse();
}

/** A weight that is pruned along the channels of a group. */
interface Reader {
  readonly use: ChannelUse;
  readonly name: string;
  readonly pattern: Pattern;
}

function whyNot({ fixed, size }: ChannelGroup, readers: readonly Reader[]): string | null {
  if (fixed !== null) return fixed;
  const [{ n, m }] = readers.map(({ pattern }) => pattern);
  if (readers.some(({ pattern }) => pattern.n !== n || pattern.m !== m))
    return "layers that read them have different patterns";
  if (size % m !== 0) return `${size} channels do not fill groups of ${m}`;
  if (size === m) return `${size} channels are one group`;
  for (const { name, use } of readers) {
    const { entries, times } = use;
    for (let i = 0; i < times; i++) {
      const begin = entries[i * size];
      for (let c = 0; c < size; c++) if (entries[i * size + c] !== begin + c) return `${name} has others between them`;
      if (begin % m !== 0) return `groups of ${name} begin before them`;
    }
  }
  return null;
}

/**
 * |w| along the channels, a row for each output and each place of the layer's window or of a flatten; with vectors
 * summed over v outputs.
 */
function magnitudes({ values: { data }, shape, entries, times }: ChannelUse, size: number, v: number): Float32Array {
  const outputs = shape[0];
  const inputs = shape[shape.length - 1];
  const taps = sizeOf(shape) / (outputs * inputs);
  const vectors = Math.ceil(outputs / v);
  const scores = new Float32Array(vectors * taps * times * size);
  for (let output = 0; output < outputs; output++) {
    const vector = Math.floor(output / v);
    for (let tap = 0; tap < taps; tap++) {
      const begin = (output * taps + tap) * inputs;
      const to = (vector * taps + tap) * times * size;
      for (let entry = 0; entry < times * size; entry++) scores[to + entry] += Math.abs(data[begin + entries[entry]]);
    }
  }
  return scores;
}

function reorderState(
  group: ChannelGroup,
  optimizerState: ReadonlyMap<string, Float32Array>,
  order: ArrayLike<number>,
): void {
  const uses = group.uses.flatMap((use) =>
    [...optimizerState]
      .filter(([name, { length }]) => name.startsWith(`${use.name}.`) && length === sizeOf(use.shape))
      .map(([, array]) => ({ ...use, values: new Buffer(array) })),
  );
  reorderChannels({ ...group, uses }, order);
}
