/**
 * A model's parameters and buffers by name, in two forms. Values are the arrays as they lie in memory, channels-last. A
 * state has PyTorch's names and layouts, as files do: `load_state_dict` takes it, and what `state_dict` gave can be
 * loaded here.
 */
import { expected } from "../errors.ts";
import { shown } from "../options.ts";
import { type Parameter, type Shape, sizeOf } from "../tensor/tensor.ts";
import { Buffer, type Module, requireModule } from "./module.ts";

/** The arrays that `valuesOf` gives: each once, by its first path, not copied. */
export type Values = Map<string, { readonly shape: Shape; readonly data: Float32Array | Uint32Array }>;

/**
 * The copies that `stateOf` gives. An array that modules share is here under each of its paths, and whole numbers have
 * 64 bits.
 */
export type State = Map<string, { readonly shape: Shape; readonly data: Float32Array | BigInt64Array }>;

/** A state from a file or from another model. */
export type SavedState = ReadonlyMap<string, SavedTensor>;

export interface SavedTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number | bigint>;
}

/**
 * All arrays that a model's training depends on, counters of draws included. Weights of convolutions are [outputs,
 * kernel, kernel, inputs].
 */
export function valuesOf(model: Module): Values {
  return new Map([...arraysOf(model)].map(([{ shape, data }, [name]]) => [name, { shape, data }]));
}

/** Loads what `valuesOf` gave. Nothing is changed unless every name and shape fits. */
export function loadValues(model: Module, values: SavedState, where = "load values"): void {
  const own = new Map([...arraysOf(model)].map(([array, [name]]) => [array, [name]]));
  load(own, new Set(), values, where, { shapeOf: (shape) => shape, dataOf: ({ data }) => data });
}

/**
 * The state of a model, as a file has it. Weights of convolutions, and all other arrays with four axes, are
 * channels-first: [outputs, inputs, kernel, kernel]. `values` replace the model's own; an array that they lack is not
 * in the state.
 */
export function stateOf(model: Module, values: Values = valuesOf(model)): State {
  const state: State = new Map();
  for (const [array, names] of arraysOf(model)) {
    const given = values.get(names[0]);
    if (given === undefined || !isPersistent(array)) continue;
    for (const name of names) {
      const { shape, data } = values.get(name) ?? given;
      state.set(name, {
        shape: channelsFirstShape(shape),
        data: data instanceof Float32Array ? channelsFirst(data, shape) : BigInt64Array.from(data, BigInt),
      });
    }
  }
  return state;
}

/**
 * Copies a state into the model. Nothing is changed unless every name and shape fits, weights are real numbers and
 * counts are whole ones. An array that modules share needs only one of its names.
 */
export function loadState(model: Module, state: SavedState, where = "load state"): void {
  requireModule(where, model);
  if (!(state instanceof Map)) {
    const todo = "Give what stateOf() made, or the tensors of a file";
    throw expected(where, "a Map of tensors by name", shown(state), todo);
  }
  const all = [...arraysOf(model)];
  const own = new Map(all.filter(([array]) => isPersistent(array)));
  const passedOver = new Set(all.filter(([array]) => !isPersistent(array)).flatMap(([, names]) => names));
  load(own, passedOver, state, where, { shapeOf: channelsFirstShape, dataOf: channelsLast });
}

/** Parameters, then buffers, each with all its paths. */
function arraysOf(model: Module): Map<Parameter | Buffer, string[]> {
  const found = new Map<Parameter | Buffer, string[]>();
  for (const [path, array] of model.arrays()) {
    const names = found.get(array);
    if (names === undefined) found.set(array, [path]);
    else names.push(path);
  }
  return new Map([...found].sort(([a], [b]) => Number(a instanceof Buffer) - Number(b instanceof Buffer)));
}

const isPersistent = (array: Parameter | Buffer): boolean => !(array instanceof Buffer) || array.persistent;

/** How to read saved values that have another layout. */
interface Layout {
  shapeOf(shape: Shape): Shape;
  dataOf(saved: SavedTensor): ArrayLike<number | bigint>;
}

/** `passedOver` are names that the state may have and that are ignored. */
function load(
  own: ReadonlyMap<Parameter | Buffer, readonly string[]>,
  passedOver: ReadonlySet<string>,
  state: SavedState,
  where: string,
  { shapeOf, dataOf }: Layout,
): void {
  const known = new Set([...own.values()].flat());
  const todo = "Load it into a model of the same recipe";
  for (const name of state.keys()) {
    if (!known.has(name) && !passedOver.has(name))
      throw expected(where, `tensors of this model (${[...known].join(", ")})`, name, todo);
  }
  const copies: (() => void)[] = [];
  for (const [array, names] of own) {
    const [name, ...others] = names.filter((name) => state.has(name));
    if (name === undefined) {
      if (array instanceof Buffer && array.optional) continue;
      throw expected(where, `a tensor ${names[0]}`, "none of this name", todo);
    }
    const saved = state.get(name)!;
    checkKind(`${where}: ${name}`, array.data, saved.data);
    for (const given of [name, ...others]) {
      const { shape } = state.get(given)!;
      if (shape.join() !== shapeOf(array.shape).join())
        throw expected(where, `${given} of shape [${shapeOf(array.shape)}]`, `[${shape}]`, todo);
    }
    for (const other of others) {
      const { data } = state.get(other)!;
      if (sizeOf(saved.shape) > 0 && !same(saved.data, data))
        throw expected(where, `${other} as ${name}, which is the same tensor here`, "other values", todo);
    }
    copies.push(() => {
      const values = dataOf(saved);
      for (let i = 0; i < values.length; i++) array.data[i] = Number(values[i]);
      if (!(array instanceof Buffer)) array.touch();
    });
  }
  for (const copy of copies) copy();
}

function same(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** Whole numbers in place of weights are codes of a quantized model; they would be taken for values. */
function checkKind(where: string, own: Float32Array | Uint32Array, given: ArrayLike<number | bigint>): void {
  if (own instanceof Float32Array) {
    if (!ArrayBuffer.isView(given) || given instanceof Float32Array || given instanceof Float64Array) return;
    throw expected(
      where,
      "real numbers",
      `${given.constructor.name}`,
      "Convert the values, or save the model unquantized",
    );
  }
  for (let i = 0; i < given.length; i++) {
    const value = Number(given[i]);
    if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) continue;
    throw expected(where, "whole numbers of 32 bits", `${given[i]}`, "Save the model anew");
  }
}

/** The shape of the result of `channelsFirst`. */
export function channelsFirstShape(shape: Shape): Shape {
  if (shape.length !== 4) return shape;
  const [outer, height, width, channels] = shape;
  return [outer, channels, height, width];
}

/** A copy of values of this shape; if it has four axes, the last one moves to the second place. */
export function channelsFirst(data: ArrayLike<number>, shape: Shape): Float32Array {
  return transposed(data, shape, ([outer, height, width, channels]) => [outer, height * width, channels]);
}

/** The inverse of `channelsFirst`. */
function channelsLast({ data, shape }: SavedTensor): ArrayLike<number | bigint> {
  if (shape.length !== 4) return data;
  return transposed(data as ArrayLike<number>, shape, ([outer, channels, height, width]) => [
    outer,
    channels,
    height * width,
  ]);
}

/** Transposes each of `outer` matrices [rows, columns]. */
function transposed(
  data: ArrayLike<number>,
  shape: Shape,
  matricesOf: (shape: Shape) => [outer: number, rows: number, columns: number],
): Float32Array {
  if (shape.length !== 4) return Float32Array.from(data);
  const [outer, rows, columns] = matricesOf(shape);
  const size = rows * columns;
  const turned = new Float32Array(data.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < size; i++)
      turned[o * size + (i % columns) * rows + Math.floor(i / columns)] = data[o * size + i];
  }
  return turned;
}
