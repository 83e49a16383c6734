/**
 * Modules: layers and networks of layers. Parameters, buffers and child modules are found by their properties, so a
 * module is a class with a constructor and a `forward`. Their names are the paths of properties: "block1.conv1.weight".
 */
import { expected } from "../errors.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";

/** State that is saved but not trained: running statistics, counters of draws. Moved in place. */
export class Buffer {
  readonly data: Float32Array | Uint32Array;

  constructor(data: Float32Array | Uint32Array) {
    this.data = data;
  }
}

export abstract class Module {
  /** Batch norm and dropout differ between training and evaluation. */
  training = true;

  abstract forward(x: Tensor): Tensor;

  /** This module and all below it, with their paths ("" for itself), in the order of properties. */
  *modules(path = ""): Generator<[string, Module]> {
    yield [path, this];
    for (const [name, child] of this.children()) yield* child.modules(path === "" ? name : `${path}.${name}`);
  }

  /** Child modules by name. */
  children(): [string, Module][] {
    return Object.entries(this).filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** All parameters by path, in the order of creation; one that modules share by its first path alone. */
  namedParameters(): Map<string, Parameter> {
    return this.#collect((value) => value instanceof Parameter);
  }

  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** All buffers by path. */
  namedBuffers(): Map<string, Buffer> {
    return this.#collect((value) => value instanceof Buffer);
  }

  #collect<T>(wanted: (value: unknown) => value is T): Map<string, T> {
    const found = new Map<string, T>();
    const seen = new Set<T>();
    for (const [path, module] of this.modules()) {
      for (const [name, value] of Object.entries(module)) {
        if (!wanted(value) || seen.has(value)) continue;
        seen.add(value);
        found.set(path === "" ? name : `${path}.${name}`, value);
      }
    }
    return found;
  }

  /** Switches to training, or with false to evaluation. */
  train(training = true): this {
    for (const [, module] of this.modules()) module.training = training;
    return this;
  }

  eval(): this {
    return this.train(false);
  }
}

/** A layer that can end in ReLU at no cost; a Sequential asks for it where a ReLU follows. */
export abstract class FusingModule extends Module {
  abstract override forward(x: Tensor, relu?: boolean): Tensor;
}

/** Parameters and buffers of a model by path. */
export type ModelState = Map<string, { shape: readonly number[]; data: Float32Array | Uint32Array }>;

/** Parameters and buffers by path, as saved in a model file. */
export function stateOf(model: Module): ModelState {
  const state: ModelState = new Map();
  for (const [name, { shape, data }] of model.namedParameters()) state.set(name, { shape, data });
  for (const [name, { data }] of model.namedBuffers()) state.set(name, { shape: [data.length], data });
  return state;
}

/** What `stateOf` gave, from a file or from another model. */
export type SavedState = ReadonlyMap<string, { shape: readonly number[]; data: ArrayLike<number> }>;

/** Copies a state into the model. Nothing is changed unless every name and shape fits. */
export function loadState(model: Module, state: SavedState, where = "load state"): void {
  const own = stateOf(model);
  const todo = "Load it into a model of the same recipe";
  for (const name of state.keys()) {
    if (!own.has(name)) throw expected(where, `tensors of this model (${[...own.keys()].join(", ")})`, name, todo);
  }
  for (const [name, { shape }] of own) {
    const given = state.get(name);
    if (given === undefined) throw expected(where, `a tensor ${name}`, "none of this name", todo);
    if (given.shape.join() !== shape.join())
      throw expected(where, `${name} of shape [${shape}]`, `[${given.shape}]`, todo);
  }
  for (const [name, { data }] of own) data.set(state.get(name)!.data);
  for (const parameter of model.parameters()) parameter.touch();
}
