/**
 * Reverse-mode differentiation. An operation calls `record` with its output and its rule; `backward` runs the rules
 * from the loss to the parameters in reverse order of creation. Nothing is recorded if no input leads to a parameter.
 */

import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";
import { type Creator, type InputGrads, Parameter, type Shape, Tensor } from "../tensor/tensor.ts";

let sequence = 0;

/**
 * Makes the tensor `data` of `shape`, which `op` computed from `inputs`, and records `rule`, its backward (see
 * Creator).
 */
export function record(
  op: string,
  inputs: readonly Tensor[],
  shape: Shape,
  data: F32,
  rule: Creator["backward"],
): Tensor {
  const device = inputs[0].device;
  const output = new Tensor(device, shape, data);
  if (device.recording && inputs.some((input) => input.needsGrad)) {
    output.creator = { op, sequence: ++sequence, inputs, backward: rule };
  }
  return output;
}

/** Adds d loss / d p to the gradient of every parameter p that the scalar loss depends on. */
export function backward(loss: Tensor): void {
  if (loss.size !== 1) {
    throw expected("backward", "a loss of one value", `shape [${loss.shape}]`, "Reduce it first, as crossEntropy does");
  }
  if (loss.creator === null) {
    throw expected(
      "backward",
      "a loss that depends on a parameter",
      "one that does not",
      "Was it made by withoutGradients?",
    );
  }
  const device = loss.device;
  const grads = new Map<Tensor, F32>();
  const seed = device.temporary(1);
  device.kernels.fill(seed, 1, 1);
  grads.set(loss, seed);

  for (const output of inReverseOrder(loss)) {
    const grad = grads.get(output);
    const creator = output.creator;
    if (grad === undefined || creator === null) continue;
    grads.delete(output);
    const sums: { target: F32; term: F32 }[] = [];
    let passed = false;

    const destination = (input: Tensor): F32 => {
      const existing = input instanceof Parameter ? (input.hasGrad ? input.grad : undefined) : grads.get(input);
      if (existing !== undefined) {
        const term = device.temporary(input.size);
        sums.push({ target: existing, term });
        return term;
      }
      if (input instanceof Parameter) {
        input.hasGrad = true;
        return input.grad;
      }
      const fresh = device.temporary(input.size);
      grads.set(input, fresh);
      return fresh;
    };
    const inputs: InputGrads = {
      into: (i) => (creator.inputs[i].needsGrad ? destination(creator.inputs[i]) : null),
      pass: (i) => {
        const input = creator.inputs[i];
        if (!input.needsGrad) return;
        if (!passed && !(input instanceof Parameter) && !grads.has(input)) {
          passed = true;
          grads.set(input, grad);
          return;
        }
        device.kernels.copy(destination(input), grad, grad.length);
      },
    };
    creator.backward(grad, inputs);
    for (const { target, term } of sums) {
      device.kernels.add(target, target, term, target.length, 0);
      device.release(term);
    }
    if (!passed) device.release(grad);
  }
}

/** Every recorded tensor that leads to the loss, the last one made first. */
function inReverseOrder(loss: Tensor): Tensor[] {
  const found = new Set<Tensor>([loss]);
  for (const tensor of found) {
    for (const input of tensor.creator?.inputs ?? []) {
      if (input.creator !== null) found.add(input);
    }
  }
  return [...found].sort((a, b) => (b.creator?.sequence ?? 0) - (a.creator?.sequence ?? 0));
}
