import type { Tensor } from "../tensor/tensor.ts";
import { ReLU } from "./activations.ts";
import { FusingModule, Module } from "./module.ts";

/** Modules one after another: an array (named "0", "1", ...) or an object, whose keys name them. */
export class Sequential extends Module {
  readonly layers: readonly (readonly [string, Module])[];

  constructor(layers: readonly Module[] | Readonly<Record<string, Module>>) {
    super();
    this.layers = Object.entries(layers);
  }

  override children(): [string, Module][] {
    return this.layers.map(([name, layer]) => [name, layer]);
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    for (let i = 0; i < this.layers.length; i++) {
      const layer = this.layers[i][1];
      const fuses = layer instanceof FusingModule && this.layers[i + 1]?.[1] instanceof ReLU;
      y = fuses ? layer.forward(y, true) : layer.forward(y);
      if (fuses) i++;
    }
    return y;
  }
}
