/** Finds the weights of a model that multiply and the products they take part in; plans are made from these. */
import type { Geometry } from "../backend/geometry.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Linear } from "../nn/linear.ts";
import type { Module } from "../nn/module.ts";
import { Parameter, type Shape, sizeOf, Tensor } from "../tensor/tensor.ts";

/** A weight [rows, k] that multiplies, and the axis along which its groups run. */
export interface MultiplyingWeight {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  /** Its other paths, where layers share it: it is one weight all the same. */
  readonly otherNames: readonly string[];
  /** The path of what reads it and multiplies nothing, an embedding; null: nothing does. */
  readonly readBy: string | null;
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
  const found = new Map<Parameter, MultiplyingWeight>();
  const readers = new Map<Parameter, string>();
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Linear || module instanceof Conv2d)) {
      for (const [property, value] of Object.entries(module))
        if (value instanceof Parameter) readers.set(value, path === "" ? property : `${path}.${property}`);
      continue;
    }
    const { weight } = module;
    const name = path === "" ? "weight" : `${path}.weight`;
    const known = found.get(weight);
    if (known !== undefined) {
      found.set(weight, { ...known, otherNames: [...known.otherNames, name] });
      continue;
    }
    const [rows] = weight.shape;
    const axisLength = weight.shape[weight.shape.length - 1];
    const axis = module instanceof Linear ? "inputs" : "channels";
    const turns = module instanceof Linear || (module.stride === 1 && module.padding < weight.shape[1]);
    const groups = module instanceof Conv2d ? module.groups : 1;
    const k = weight.size / rows;
    found.set(weight, { name, otherNames: [], readBy: null, weight, rows, k, axis, axisLength, turns, groups });
  }
  return [...found.values()].map((one) => ({ ...one, readBy: readers.get(one.weight) ?? null }));
}

/** The products of one weight in a training step. */
export interface Products {
  readonly geometry: Geometry;
  /** False if the layer reads the model's input, whose gradient is never computed. */
  readonly inputGrad: boolean;
  /** The operation that made the input; null if it is the model's input. */
  readonly input: string | null;
  /** Whether no other product is on the way from the model's input, and on the way to its outputs. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
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
  const behindOthers = new Set<Parameter>();
  const followed = new Set<Parameter>();
  const buffers = [...model.namedBuffers().values()].map(({ data }) => ({ data, before: data.slice() }));
  for (const weight of weights) {
    weight.plan = {
      forward: (x, one) => {
        const before = productsBefore(x, new Set(weights));
        if (before.size > 0) behindOthers.add(weight);
        for (const other of before) followed.add(other);
        const geometry = one.slice();
        geometry[0] *= batch;
        found.set(weight, {
          ...{ geometry, inputGrad: x.needsGrad, input: x.creator?.op ?? null },
          ...{ isFirst: false, isLast: false },
        });
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
  for (const [weight, products] of found) {
    found.set(weight, { ...products, isFirst: !behindOthers.has(weight), isLast: !followed.has(weight) });
  }
  return found;
}

const OPERATIONS: ReadonlySet<string> = new Set(["linear", "conv2d"]);

/** The weights of the products that x was made by. */
function productsBefore(x: Tensor, weights: ReadonlySet<Parameter>): Set<Parameter> {
  const found = new Set<Parameter>();
  const seen = new Set<Tensor>();
  const open = [x];
  for (let tensor = open.pop(); tensor !== undefined; tensor = open.pop()) {
    if (seen.has(tensor) || tensor.creator === null) continue;
    seen.add(tensor);
    const { op, inputs } = tensor.creator;
    for (const input of inputs)
      if (input instanceof Parameter && OPERATIONS.has(op) && weights.has(input)) found.add(input);
    open.push(...inputs);
  }
  return found;
}
