/** The layers of a model whose outputs only a batch norm reads: the batch norm sets the scale of their outputs. */
import { BatchNorm } from "./batch-norm.ts";
import { Conv2d } from "./conv2d.ts";
import { Linear } from "./linear.ts";
import type { Module } from "./module.ts";
import { Sequential } from "./sequential.ts";

/** A layer and the batch norm right behind it, with their paths. */
export interface NormalizedLayer {
  readonly path: string;
  readonly layer: Conv2d | Linear;
  readonly normPath: string;
  readonly norm: BatchNorm;
}

export function normalizedLayers(model: Module): NormalizedLayer[] {
  const found: NormalizedLayer[] = [];
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Sequential)) continue;
    const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
    module.layers.forEach(([name, layer], i) => {
      const [normName, norm] = module.layers[i + 1] ?? ["", null];
      if (!((layer instanceof Conv2d || layer instanceof Linear) && norm instanceof BatchNorm)) return;
      found.push({ path: at(name), layer, normPath: at(normName), norm });
    });
  }
  return found;
}
