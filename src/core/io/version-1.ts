/**
 * Converts files of trisparse 0.1 to today's names and layouts. Its convolutions were [outputs, kernel, kernel, inputs]
 * in files too, and its statistics had names of their own. It flattened images place by place, not channel by channel
 * as today, so the columns of a linear layer behind a flatten, and all arrays that belong to them, have moved.
 */
import { expected } from "../errors.ts";
import { takeAlong, traceChannels } from "../nn/channels.ts";
import { Flatten } from "../nn/flatten.ts";
import type { Module } from "../nn/module.ts";
import { channelsFirst, channelsFirstShape } from "../nn/state.ts";
import type { Shape, Tensor } from "../tensor/tensor.ts";
import type { DecodedTensor } from "./safetensors.ts";

type Tensors = ReadonlyMap<string, DecodedTensor>;

/** Whether a file with this metadata is one of 0.1. */
export function isVersion1({ format }: Readonly<Record<string, string>>): boolean {
  return format === "trisparse-weights-1" || format === "trisparse-checkpoint-1";
}

/** Converts the tensors of a file of weights to a state of the model. */
export function stateOfVersion1(
  tensors: Tensors,
  model: Module,
  inputShape: Shape | undefined,
  where: string,
): Map<string, DecodedTensor> {
  const flattened = flattenedArrays(tensors, model, inputShape, where);
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const moved = flattened.get(name)?.(tensor);
      const { dtype, shape, data } = tensor;
      const isConvolution = shape.length === 4 && data instanceof Float32Array;
      return [
        renamed(name),
        moved ??
          (isConvolution ? { dtype, shape: channelsFirstShape(shape), data: channelsFirst(data, shape) } : tensor),
      ];
    }),
  );
}

/**
 * Converts the tensors of a checkpoint to those of today's checkpoints. Throws if a layer behind a flatten was sparse:
 * the groups of its mask would no longer be groups.
 */
export function checkpointOfVersion1(
  tensors: Tensors,
  model: Module,
  inputShape: Shape,
  where: string,
): Map<string, DecodedTensor> {
  const own = new Map(
    [...tensors].flatMap(([key, tensor]) => (key.startsWith("model/") ? [[key.slice(6), tensor] as const] : [])),
  );
  const flattened = [...flattenedArrays(own, model, inputShape, where)];
  const found = new Map<string, DecodedTensor>();
  for (const [key, tensor] of tensors) {
    const part = key.slice(0, key.indexOf("/"));
    const [name, moved] = flattened.find(([name]) => key.includes(name)) ?? [];
    const isWhole = name !== undefined && tensor.data.length === own.get(name)!.data.length;
    if (moved === undefined || key.endsWith(".pattern")) found.set(renamed(key), tensor);
    else if (isWhole && (part === "model" || part === "optimiser")) found.set(renamed(key), moved(tensor));
    // masks that a method by magnitude would have kept of a dense weight are dropped: that history begins anew
    else if (part !== "masks")
      throw expected(
        where,
        `a dense ${name}, behind a flatten: its columns have another order since 0.2`,
        `${key}, which belongs to the old one`,
        "End this run with trisparse 0.1, whose weights can be read here, or begin it anew",
      );
  }
  return found;
}

/** Moves a tensor, such as a weight or one of its moments, to the columns of today. */
type Move = (tensor: DecodedTensor) => DecodedTensor;

/** Operations that leave the columns of a flattened image where they are, or pick some of them. */
const BETWEEN = new Set(["relu", "gelu", "squaredRelu", "dropout", "gatherColumns"]);

/** Of linear layers that read flattened images: the weights, and the numbers of the columns they gather, by name. */
function flattenedArrays(tensors: Tensors, model: Module, shape: Shape | undefined, where: string): Map<string, Move> {
  const found = new Map<string, Move>();
  if (![...model.modules()].some(([, module]) => module instanceof Flatten)) return found;
  if (shape === undefined)
    throw expected(where, "the shape of an input, as the file is one of trisparse 0.1", "none", "Pass inputShape");
  const names = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter as Tensor, name]));
  for (const { op, inputs } of traceChannels(model, shape).operations) {
    const image = flattenedImage(inputs[0]);
    if (image === null || BETWEEN.has(op)) continue;
    const name = names.get(inputs[1]);
    if (op !== "linear" || name === undefined)
      throw expected(where, "a linear layer behind a flatten", op, "Read the file with trisparse 0.1");
    const [, height, width, channels] = image.shape;
    const places = height * width;
    const columns = name.replace(/weight$/, "columns");
    const gathered = tensors.get(columns)?.data as Uint32Array | undefined;
    const before = gathered ?? Uint32Array.from({ length: places * channels }, (_, i) => i);
    const now = before.map((old) => (old % channels) * places + Math.floor(old / channels));
    const from = Int32Array.from(now.keys()).sort((a, b) => now[a] - now[b]);
    found.set(name, ({ data, ...tensor }) => ({
      ...tensor,
      data: takeAlong(data as Float32Array, [data.length / from.length, from.length], 1, from),
    }));
    found.set(columns, (tensor) => ({ ...tensor, data: Uint32Array.from(from, (i) => now[i]) }));
  }
  return found;
}

/** The image whose flattened values an operation reads; null if it reads something else. */
function flattenedImage({ creator }: Tensor): Tensor | null {
  let made = creator;
  while (made !== null && BETWEEN.has(made.op)) made = made.inputs[0].creator;
  return made?.op === "flatten" ? made.inputs[0] : null;
}

const renamed = (name: string): string =>
  name
    .replace(/^optimiser\//, "optimizer/")
    .replace(/\.runningMean$/, ".running_mean")
    .replace(/\.runningVariance$/, ".running_var");
