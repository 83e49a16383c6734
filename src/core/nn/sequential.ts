import { add } from "../autograd/ops/add.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ReLU } from "./activations.ts";
import { BatchNorm } from "./batch-norm.ts";
import { Container } from "./container.ts";
import { Conv2d } from "./conv2d.ts";
import { FusingModule } from "./module.ts";
import { MaxPool } from "./pooling.ts";

/** Runs modules one after another. It fuses a ReLU, and behind a batch norm also max pooling, with the layer before. */
export class Sequential extends Container {
  override forward(x: Tensor): Tensor {
    let y = x;
    for (let i = 0; i < this.layers.length; i++) {
      const layer = this.layers[i][1];
      const [next, second] = [this.layers[i + 1]?.[1], this.layers[i + 2]?.[1]];
      if (layer instanceof Conv2d && layer.branch !== null && next instanceof BatchNorm) {
        const relu = second instanceof ReLU;
        y = add(next.forward(layer.forward(y)), layer.branch.forward(y), relu);
        i += relu ? 2 : 1;
      } else if (!(layer instanceof FusingModule && next instanceof ReLU)) {
        y = layer.forward(y);
      } else if (layer instanceof BatchNorm && second instanceof MaxPool) {
        y = layer.forwardPooled(y, second);
        i += 2;
      } else {
        y = layer.forward(y, true);
        i++;
      }
    }
    return y;
  }
}
