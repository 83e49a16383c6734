import { gatherColumns } from "../autograd/ops/gather-columns.ts";
import { expected } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Container } from "./container.ts";
import { Conv2d } from "./conv2d.ts";
import { deviceOf, type InitOptions } from "./init-options.ts";
import { Linear } from "./linear.ts";
import { Buffer, type Module } from "./module.ts";

/**
 * A convolution or linear layer without the columns of its matrix that were zero in all rows: it gathers the other
 * columns of its input and multiplies them by a weight [outputs, count] without zeros ("filter shapes" of Wen et al.
 * 2016).
 */
export class GatheredLinear extends Linear {
  /**
   * Numbers of the gathered columns, in ascending order: tap * channels + channel for a convolution, the input for a
   * linear layer.
   */
  readonly columns: Buffer;
  /** Kernel size of the convolution that it replaces; null if that was a linear layer. */
  readonly kernel: number | null;
  readonly stride: number;
  readonly padding: number;

  /** Replaces `layer` with `count` of its columns, which are the first ones until a state is loaded. */
  constructor(layer: Linear | Conv2d, count: number, options: InitOptions = {}) {
    const [outputs, kernel] = layer.weight.shape;
    super(count, outputs, { ...options, bias: layer.bias !== null });
    this.columns = new Buffer(deviceOf(options).kernels.uint32(count));
    for (let i = 0; i < count; i++) this.columns.data[i] = i;
    this.kernel = layer instanceof Conv2d ? kernel : null;
    this.stride = layer instanceof Conv2d ? layer.stride : 1;
    this.padding = layer instanceof Conv2d ? layer.padding : 0;
  }

  override forward(x: Tensor, relu = false): Tensor {
    return super.forward(gatherColumns(x, this.columns.data as Uint32Array, this.kernel, this), relu);
  }
}

/**
 * Puts a GatheredLinear in the place of each layer of a Container that `columns` names by its path, with the number of
 * its columns.
 */
export function gatherInputs<M extends Module>(
  model: M,
  columns: Readonly<Record<string, number>>,
  options: InitOptions = {},
): M {
  const todo = new Set(Object.keys(columns));
  for (const [path, module] of [...model.modules()]) {
    if (!(module instanceof Container)) continue;
    for (const [name, layer] of module.layers) {
      const at = path === "" ? name : `${path}.${name}`;
      if (!todo.has(at) || !(layer instanceof Linear || (layer instanceof Conv2d && layer.groups === 1))) continue;
      const most = layer.weight.size / layer.weight.shape[0];
      if (columns[at] > most)
        throw expected("gatherInputs", `at most ${most} columns of ${at}`, `${columns[at]}`, "Lower it");
      module.replace(name, new GatheredLinear(layer, columns[at], options));
      todo.delete(at);
    }
  }
  if (todo.size > 0)
    throw expected(
      "gatherInputs",
      "layers of the model",
      [...todo].join(),
      "Name linear layers or convolutions without groups",
    );
  return model;
}
