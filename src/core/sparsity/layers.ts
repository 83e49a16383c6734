/** Finds the weights of a model that multiply and the products they take part in; plans are made from these. */
import type { Geometry } from "../backend/geometry.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Linear } from "../nn/linear.ts";
import type { Module } from "../nn/module.ts";
import { type Parameter, type Shape, sizeOf, Tensor } from "../tensor/tensor.ts";

/** A weight [rows, k] that multiplies, and the axis along which its groups run. */
export interface MultiplyingWeight {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  readonly weight: Parameter;
  readonly rows: number;
  readonly k: number;
  /** The axis along which groups run; k = taps * axisLength. */
  readonly axis: "inputs" | "channels";
  readonly axisLength: number;
  /** Whether dx is the forward product of dy with the same weight in other places: see inputGradGeometry. */
  readonly turns: boolean;
  /** Number of groups of a grouped convolution; else 1. */
  readonly groups: number;
}

/** The weights that multiply, in the order of the model. */
export function multiplyingWeights(model: Module): MultiplyingWeight[] {
  const found: MultiplyingWeight[] = [];
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Linear || module instanceof Conv2d)) continue;
    const { weight } = module;
    const [rows] = weight.shape;
    const axisLength = weight.shape[weight.shape.length - 1];
    const axis = module instanceof Linear ? "inputs" : "channels";
    const name = path === "" ? "weight" : `${path}.weight`;
    const turns = module instanceof Linear || (module.stride === 1 && module.padding < weight.shape[1]);
    const groups = module instanceof Conv2d ? module.groups : 1;
    found.push({ name, weight, rows, k: weight.size / rows, axis, axisLength, turns, groups });
  }
  return found;
}

/** The products of one weight in a training step. */
export interface Products {
  readonly geometry: Geometry;
  /** False if the layer reads the model's input, whose gradient is never computed. */
  readonly inputGrad: boolean;
  /** The operation that made the input; null if it is the model's input. */
  readonly input: string | null;
}

/**
 * The products of each weight in a step with `batch` inputs of this shape (without the batch). Runs one blank input
 * forward; the model stays as it was.
 */
export function traceProducts(
  model: Module,
  shape: Shape,
  batch: number,
  multiplying: readonly MultiplyingWeight[] = multiplyingWeights(model),
): Map<Parameter, Products> {
  const found = new Map<Parameter, Products>();
  const weights = multiplying.map(({ weight }) => weight);
  const [first] = weights;
  if (first === undefined) return found;
  const { device } = first;
  const plans = weights.map(({ plan }) => plan);
  const buffers = [...model.namedBuffers().values()].map(({ data }) => ({ data, before: data.slice() }));
  for (const weight of weights) {
    weight.plan = {
      forward: (x, one) => {
        const geometry = one.slice();
        geometry[0] *= batch;
        found.set(weight, { geometry, inputGrad: x.needsGrad, input: x.creator?.op ?? null });
        return null;
      },
      inputGrad: () => null,
      weightGrad: () => null,
    };
  }
  try {
    device.step(() => {
      const blank = device.buffer(sizeOf(shape)).fill(0);
      model.forward(new Tensor(device, [1, ...shape], blank));
    });
  } finally {
    weights.forEach((weight, i) => {
      weight.plan = plans[i];
    });
    for (const { data, before } of buffers) data.set(before);
  }
  device.readClocks();
  return found;
}
