import { concat } from "../autograd/ops/concat.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Container } from "./container.ts";

/** Branches that read the same input; their outputs are concatenated along the channels. */
export class Concatenated extends Container {
  override forward(x: Tensor): Tensor {
    const branches = this.layers.map(([, branch]) => branch.forward(x));
    return concat(branches, -1);
  }
}
