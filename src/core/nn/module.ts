/**
 * Modules: layers and networks of layers. Parameters, buffers and child modules are found by their properties, so a
 * module is a class with a constructor and a `forward`. Their names are paths of properties, such as
 * "block1.conv1.weight".
 */
import { expected } from "../errors.ts";
import { shown } from "../options.ts";
import { Parameter, type Shape, type Tensor } from "../tensor/tensor.ts";

export interface BufferOptions {
  /** Name of the buffer in paths. Default: the name of the property. */
  readonly name?: string | undefined;
  /** Shape of the buffer. Default [data.length]. */
  readonly shape?: Shape | undefined;
  /**
   * Whether a model's state and files include the buffer, as in PyTorch; false for data of this training alone. Default
   * true.
   */
  readonly persistent?: boolean | undefined;
  /** Whether a state may lack the buffer, which then stays as it is. Default false. */
  readonly optional?: boolean | undefined;
}

/** State that a module keeps but that is not trained: running statistics, counters of draws. It is updated in place. */
export class Buffer {
  readonly data: Float32Array | Uint32Array;
  readonly name: string | null;
  readonly shape: Shape;
  readonly persistent: boolean;
  readonly optional: boolean;

  constructor(data: Float32Array | Uint32Array, options: BufferOptions = {}) {
    const { name = null, shape = [data.length], persistent = true, optional = false } = options;
    this.data = data;
    this.name = name;
    this.shape = shape;
    this.persistent = persistent;
    this.optional = optional;
  }
}

export abstract class Module {
  /** True in training, false in evaluation: batch norm and dropout differ between them. */
  training = true;

  abstract forward(x: Tensor): Tensor;

  /** This module and all below it, with their paths ("" for this one), in the order of properties. */
  *modules(path = ""): Generator<[string, Module]> {
    yield [path, this];
    for (const [name, child] of this.children()) yield* child.modules(path === "" ? name : `${path}.${name}`);
  }

  /** Child modules by name; those of an array by the array's name and their place in it, as "layers.0". */
  children(): [string, Module][] {
    return Object.entries(this).flatMap(([name, value]): [string, Module][] => {
      if (value instanceof Module) return [[name, value]];
      return inside(this, name, value).filter((entry): entry is [string, Module] => entry[1] instanceof Module);
    });
  }

  /**
   * All parameters by path, in the order of creation. A parameter that modules share is here once, by its first path.
   */
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

  /**
   * Parameters and buffers of this module and all below it, by path. One that modules share comes under each of its
   * paths.
   */
  *arrays(): Generator<[string, Parameter | Buffer]> {
    for (const [path, module] of this.modules()) {
      for (const [property, given] of Object.entries(module)) {
        const found =
          given instanceof Parameter || given instanceof Buffer
            ? [[property, given] as const]
            : inside(module, property, given);
        for (const [place, value] of found) {
          if (!(value instanceof Parameter || value instanceof Buffer)) continue;
          const name = value instanceof Buffer ? (value.name ?? place) : place;
          yield [path === "" ? name : `${path}.${name}`, value];
        }
      }
    }
  }

  #collect<T extends Parameter | Buffer>(wanted: (value: unknown) => value is T): Map<string, T> {
    const found = new Map<T, string>();
    for (const [path, value] of this.arrays()) if (wanted(value) && !found.has(value)) found.set(value, path);
    // errors of shapes name a layer by its weight
    for (const [value, path] of found) if (value instanceof Parameter) value.path = path;
    return new Map([...found].map(([value, path]) => [path, value]));
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

/** Throws unless this is a model. */
export function requireModule(where: string, value: unknown): asserts value is Module {
  if (value instanceof Module) return;
  throw expected(where, "a model: a Module, as mlp() makes one", shown(value), "Extend Module, or use Sequential");
}

const isPart = (value: unknown): boolean =>
  value instanceof Module || value instanceof Parameter || value instanceof Buffer;

/**
 * What a property of a module holds in an array, by name and place. Throws where modules or parameters are in something
 * else, or deeper: they would be neither trained nor saved, and nothing would say so.
 */
function inside(module: Module, name: string, value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  const hidden = (where: string): Error =>
    expected(
      `module ${module.constructor.name}`,
      "modules and parameters as properties, or in arrays that are properties",
      `some in ${where}`,
      "Use an array, or a Sequential of an object for names",
    );
  if (Array.isArray(value)) {
    if (value.some((one) => Array.isArray(one) && one.some(isPart))) throw hidden(`an array within the array ${name}`);
    return value.some(isPart) ? value.map((one, i) => [`${name}.${i}`, one]) : [];
  }
  if (value instanceof Map && [...value.values()].some(isPart)) throw hidden(`the Map ${name}`);
  if (value instanceof Set && [...value].some(isPart)) throw hidden(`the Set ${name}`);
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  if (isPlain && Object.values(value).some(isPart)) throw hidden(`the object ${name}`);
  return [];
}

/** A layer whose kernel can apply a ReLU to its output at no cost. A Sequential asks for that if a ReLU follows. */
export abstract class FusingModule extends Module {
  abstract override forward(x: Tensor, relu?: boolean): Tensor;
}
