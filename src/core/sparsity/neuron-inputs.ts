/** Finds which inputs of a layer are the neurons of another one, for metrics that match neurons across layers. */
import type { NeuronInputs } from "../metrics/nnstd.ts";
import { traceChannels } from "../nn/channels.ts";
import type { Module } from "../nn/module.ts";
import { type Shape, sizeOf } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";

/**
 * The inputs of each weight that are all the neurons of one other weight, by name. Sums of layers, as in residual
 * networks, the channels of grouped convolutions and the heads of attention have no such neurons. Runs one blank input
 * of this shape (without the batch) forward; the model stays as it was.
 */
export function neuronInputs(
  model: Module,
  shape: Shape,
  weights: readonly MultiplyingWeight[],
): Map<string, NeuronInputs[]> {
  const multiplying = new Map<unknown, MultiplyingWeight>(weights.map((one) => [one.weight, one]));
  const found = new Map<string, NeuronInputs[]>(weights.map(({ name }) => [name, []]));
  for (const { uses, size, fixed } of traceChannels(model, shape).groups) {
    const writers = uses.filter(({ writes, axis, values }) => writes && axis === 0 && multiplying.has(values));
    const [writer] = writers;
    if (fixed !== null || writers.length !== 1 || writer.times !== 1 || size !== writer.shape[0]) continue;
    const { name: layer } = multiplying.get(writer.values)!;
    for (const { values, reads, axis, shape, entries } of uses) {
      const reader = multiplying.get(values);
      if (!reads || reader === undefined || axis !== shape.length - 1) continue;
      const width = shape[axis];
      const taps = sizeOf(shape) / (shape[0] * width);
      const columns = new Int32Array(taps * entries.length);
      for (let tap = 0; tap < taps; tap++) {
        entries.forEach((entry, at) => {
          // the channel's number in the group need not be the row that writes it
          const place = at - (at % size) + writer.entries[at % size];
          columns[tap * entries.length + place] = tap * width + entry;
        });
      }
      found.get(reader.name)!.push({ layer, columns });
    }
  }
  return found;
}
