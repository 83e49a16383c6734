/**
 * Removes what zeros make superfluous from a model's values: channels that hold the same value whatever the input is,
 * or that nothing reads, and residual bodies that came to add a constant. What is left computes the same outputs, up to
 * rounding; a channel for which that is impossible stays, with the reason.
 */
import { Parameter, type Shape, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { BatchNorm } from "./batch-norm.ts";
import { type ChannelGraph, type ChannelGroup, type TracedOperation, takeAlong, traceChannels } from "./channels.ts";
import { Concatenated } from "./concatenated.ts";
import { Container } from "./container.ts";
import { Conv2d } from "./conv2d.ts";
import { GatheredLinear } from "./gathered-linear.ts";
import { Linear } from "./linear.ts";
import type { Module } from "./module.ts";
import { Residual } from "./residual.ts";
import { type Values, valuesOf } from "./state.ts";

/** The number of channels that were removed from a group. */
export interface Removal {
  readonly group: string;
  readonly size: number;
  readonly removed: number;
  /** Why constant channels of the group stay, each reason once. */
  readonly reasons: readonly string[];
}

/**
 * The values without the channels that can be removed. What these added to the layers that read them goes into the
 * biases of those layers.
 */
export function withoutDeadChannels(
  model: Module,
  shape: Shape,
): { readonly values: Values; readonly removals: readonly Removal[] } {
  const graph = traceChannels(model, shape);
  const constants = new Constants(model, graph);
  const values: Values = new Map(
    [...valuesOf(model)].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  const dropped = new Map<string, { name: string; axis: number; entries: Set<number> }>();
  const removals: Removal[] = [];
  const branches = branchesOf(model, graph);
  const gone: Branch[] = [];
  for (const group of graph.groups) {
    if (group.pinnedReason !== null) continue;
    const reasons = new Set<string>();
    let removed = 0;
    for (let c = 0; c < group.size; c++) {
      const contributions = constants.contributionsOf(group, c);
      if (typeof contributions === "string") {
        if (contributions !== "") reasons.add(contributions);
        continue;
      }
      const emptied = group.uses.filter(
        ({ name, axis, shape, times }) => (dropped.get(`${name}:${axis}`)?.entries.size ?? 0) + times === shape[axis],
      );
      if (emptied.length > 0) {
        // a layer without channels would be no layer; a branch may go with its layers if another one stays
        const branch = branches.find((one) => one.isWhole(group) && emptied.every(({ name }) => one.holds(name)));
        if (branch === undefined || branches.every((one) => one === branch || one.parent !== branch.parent)) {
          reasons.add("the last one of a layer stays");
          continue;
        }
        branches.splice(branches.indexOf(branch), 1);
        gone.push(branch);
      }
      for (const { name, sums } of contributions) {
        const { data } = values.get(name)!;
        sums.forEach((sum, o) => {
          data[o] += sum;
        });
      }
      for (const { name, axis, times, entries } of group.uses) {
        const key = `${name}:${axis}`;
        const drop = dropped.get(key) ?? { name, axis, entries: new Set() };
        for (let i = 0; i < times; i++) drop.entries.add(entries[i * group.size + c]);
        dropped.set(key, drop);
      }
      removed++;
    }
    if (removed > 0 || reasons.size > 0)
      removals.push({ group: group.name, size: group.size, removed, reasons: [...reasons] });
  }
  for (const { name, axis, entries } of dropped.values()) {
    const { shape, data } = values.get(name)!;
    const left = Int32Array.from({ length: shape[axis] }, (_, at) => at).filter((at) => !entries.has(at));
    const smaller = shape.map((length, i) => (i === axis ? left.length : length));
    values.set(name, { shape: smaller, data: takeAlong(data, shape, axis, left) });
  }
  for (const name of values.keys()) if (gone.some((branch) => branch.holds(name))) values.delete(name);
  return { values, removals };
}

/** One of the branches whose outputs are concatenated. */
interface Branch {
  /** Path of the Concatenated module. */
  readonly parent: string;
  holds(name: string): boolean;
  /** Whether a group holds all channels of the branch's output. */
  isWhole(group: ChannelGroup): boolean;
}

/**
 * The branches of those concatenations whose branches all end in a layer of their own: for others it is not known which
 * branch made which channels.
 */
function branchesOf(model: Module, graph: ChannelGraph): Branch[] {
  const operations = graph.operations.filter(({ op }) => op === "concat");
  return [...model.modules()].flatMap(([parent, module]) => {
    if (!(module instanceof Concatenated)) return [];
    const owned = module.layers.map(([, layer]) => new Set<Tensor>(layer.parameters()));
    const made = operations.find(
      ({ inputs }) =>
        inputs.length === owned.length &&
        inputs.every(({ creator }, i) => creator?.inputs.some((input) => owned[i].has(input))),
    );
    return (made?.inputs ?? []).map((output, i): Branch => {
      const channels = new Set(graph.channelsOf(output));
      const path = parent === "" ? module.layers[i][0] : `${parent}.${module.layers[i][0]}`;
      return {
        parent,
        holds: (name) => name.startsWith(`${path}.`),
        isWhole: ({ first, size }) =>
          channels.size === size && [...channels].every((c) => c >= first && c < first + size),
      };
    });
  });
}

/**
 * The largest shares of its columns at which a layer is faster when it gathers them; measured, see
 * docs/methods/compaction.md.
 */
const GATHERED = { linear: 0.9, conv2d: 0.25 };

/**
 * The values without those columns of linear layers and convolutions that are zero in all rows, and the number of
 * columns that each layer has left. Gathering costs time, so only convolutions that have lost most of their columns are
 * changed.
 */
export function withoutZeroColumns(model: Module): { readonly values: Values; readonly columns: Map<string, number> } {
  const values: Values = new Map(valuesOf(model));
  const columns = new Map<string, number>();
  for (const [parent, container] of model.modules()) {
    if (!(container instanceof Container)) continue;
    for (const [name, layer] of container.layers) {
      const linear = layer instanceof Linear;
      const gathers = linear || (layer instanceof Conv2d && layer.groups === 1);
      if (!gathers || layer instanceof GatheredLinear) continue;
      const { data, shape } = layer.weight;
      const [rows] = shape;
      const k = data.length / rows;
      const used = new Uint8Array(k);
      for (let i = 0; i < data.length; i++) if (data[i] !== 0) used[i % k] = 1;
      const left = Uint32Array.from([...used.keys()].filter((at) => used[at] === 1));
      const most = k * GATHERED[linear ? "linear" : "conv2d"];
      if (left.length === 0 || left.length > most) continue;
      const path = parent === "" ? name : `${parent}.${name}`;
      columns.set(path, left.length);
      values.set(`${path}.weight`, { shape: [rows, left.length], data: takeAlong(data, [rows, k], 1, left) });
      values.set(`${path}.columns`, { shape: [left.length], data: left });
    }
  }
  return { values, columns };
}

/** By the path of each Residual: the constants that its body adds, or why it adds none. */
export function constantBodies(model: Module, shape: Shape): Map<string, Float32Array | string> {
  const graph = traceChannels(model, shape);
  const constants = new Constants(model, graph);
  const found = new Map<string, Float32Array | string>();
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Residual)) continue;
    const own = new Set<Tensor>(module.body.parameters());
    const sum = graph.operations.find(
      ({ op, inputs }) => op === "add" && inputs[0].creator?.inputs.some((input) => own.has(input)),
    );
    found.set(path, sum === undefined ? "its body does not end in a layer" : constants.ofAll(sum.inputs[0]));
  }
  return found;
}

/** Sums for each output of a layer that reads a channel, to be added to the array of this name. */
interface Contribution {
  readonly name: string;
  readonly sums: Float64Array;
}

/**
 * Finds the entries of each tensor that do not depend on the input. Their values need no arithmetic of ours: the blank
 * pass has computed them, fused ReLUs included, as every other pass will.
 */
class Constants {
  readonly #graph: ChannelGraph;
  readonly #names: ReadonlyMap<Tensor, string>;
  readonly #convolutions = new Map<Tensor, Conv2d>();
  /** Paths of the running means, by the gain (weight) of the batch norm. */
  readonly #means = new Map<Tensor, string>();
  /** 1 where an entry of a tensor's last axis depends on the input. */
  readonly #varying = new Map<Tensor, Uint8Array>();
  /** The products that read channels, with the channels of their inputs. */
  readonly #products: readonly { readonly operation: TracedOperation; readonly channels: Int32Array }[];

  constructor(model: Module, graph: ChannelGraph) {
    this.#graph = graph;
    this.#names = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter, name]));
    for (const [path, module] of model.modules()) {
      if (module instanceof Conv2d) this.#convolutions.set(module.weight, module);
      if (module instanceof BatchNorm) this.#means.set(module.weight, `${path}.running_mean`);
    }
    for (const operation of graph.operations) this.#varying.set(operation.output, this.#through(operation));
    this.#products = graph.operations
      .filter(({ op }) => op === "linear" || op === "conv2d")
      .map((operation) => ({ operation, channels: graph.channelsOf(operation.inputs[0]) }));
  }

  /**
   * What channel c contributes to each layer that reads it; else why it must stay: "" if it is no constant, or that its
   * value has no place to go.
   */
  contributionsOf(group: ChannelGroup, c: number): Contribution[] | string {
    const contributions: Contribution[] = [];
    for (const { operation, channels } of this.#products) {
      const entries = [...channels.keys()].filter((at) => channels[at] === group.first + c);
      if (entries.length === 0) continue;
      const contribution = this.#contribution(operation, entries);
      if (typeof contribution === "string") return contribution;
      if (contribution !== null) contributions.push(contribution);
    }
    return contributions;
  }

  /** The values of a tensor, if no input changes them; else why it has none. */
  ofAll(tensor: Tensor): Float32Array | string {
    if (this.#of(tensor).includes(1)) return "";
    const values = Array.from(this.#of(tensor), (_, at) => this.#value(tensor, at));
    if (values.includes(null)) return "what it adds differs from place to place";
    return Float32Array.from(values as number[]);
  }

  #contribution({ op, inputs, output }: TracedOperation, entries: readonly number[]): Contribution | string | null {
    const [x, weight, bias] = inputs;
    const [outputs] = weight.shape;
    const last = weight.shape[weight.shape.length - 1];
    const sums = new Float64Array(outputs);
    for (const at of entries) {
      if (unread(weight, last, at)) continue;
      if (this.#of(x)[at] === 1) return "";
      const value = this.#value(x, at);
      if (value === null) return `${this.#names.get(weight)} reads it where it differs from place to place`;
      if (value === 0) continue;
      if (op === "conv2d" && this.#convolutions.get(weight)?.padding !== 0)
        return `${this.#names.get(weight)} pads it: its constant is missing at the border`;
      for (let o = 0; o < outputs; o++) sums[o] += value * sumAlong(weight, last, o, at);
    }
    if (sums.every((sum) => sum === 0)) return null;
    if (bias !== undefined) return { name: this.#names.get(bias)!, sums };
    const readers = this.#graph.operations.filter(({ inputs }) => inputs.includes(output));
    const mean = readers.length === 1 ? this.#means.get(readers[0].inputs[1]) : undefined;
    if (mean === undefined) return `${this.#names.get(weight)} has no bias to take its constant`;
    // a batch norm behind a layer takes it away again: (y + s) - (mean + s), so that without s the mean is less by s
    return { name: mean, sums: sums.map((sum) => -sum) };
  }

  /** The value at entry `at` of the last axis, if it is the same at each place; else null. */
  #value({ data, shape }: Tensor, at: number): number | null {
    const length = shape[shape.length - 1];
    for (let i = at; i < data.length; i += length) if (data[i] !== data[at]) return null;
    return data[at];
  }

  #of(tensor: Tensor): Uint8Array {
    let varying = this.#varying.get(tensor);
    if (varying === undefined) {
      varying = new Uint8Array(tensor.shape[tensor.shape.length - 1]).fill(tensor instanceof Parameter ? 0 : 1);
      this.#varying.set(tensor, varying);
    }
    return varying;
  }

  #through({ op, inputs, output }: TracedOperation): Uint8Array {
    const [x, second] = inputs;
    const channels = output.shape[output.shape.length - 1];
    const varying = this.#of(x);
    switch (op) {
      case "relu":
      case "gelu":
      case "squaredRelu":
      case "maxPool":
      case "averagePool":
      case "addBias":
      case "addRows":
        return varying;
      case "batchNormInfer":
        return varying.map((one, c) => (second.data[c] === 0 ? 0 : one));
      case "add": {
        if (inputs.length !== 2 || inputs.some(({ shape }) => shape.join() !== output.shape.join())) break;
        const other = this.#of(second);
        return varying.map((one, c) => one | other[c]);
      }
      case "reshape":
        if (channels % varying.length !== 0) break;
        return Uint8Array.from({ length: channels }, (_, i) => varying[i % varying.length]);
      case "flatten":
        return Uint8Array.from({ length: channels }, (_, i) => varying[Math.floor((i * varying.length) / channels)]);
      case "resizeChannels":
        return Uint8Array.from({ length: channels }, (_, c) => varying[c] ?? 0);
      case "concat": {
        const along = inputs.flatMap((input) => [...this.#of(input)]);
        if (along.length !== channels) break;
        return Uint8Array.from(along);
      }
      case "linear":
      case "conv2d":
        return this.#product(varying, second);
    }
    return new Uint8Array(channels).fill(1);
  }

  #product(varying: Uint8Array, { data, shape }: Tensor): Uint8Array {
    const found = new Uint8Array(shape[0]);
    const k = data.length / shape[0];
    for (let i = 0; i < data.length; i++) {
      if (data[i] !== 0 && varying[i % varying.length] === 1) found[Math.floor(i / k)] = 1;
    }
    return found;
  }
}

/** The sum over all taps of what output o reads at entry `at` of the last axis. */
function sumAlong({ data, shape }: Tensor, last: number, o: number, at: number): number {
  const k = sizeOf(shape.slice(1));
  let sum = 0;
  for (let i = o * k + at; i < (o + 1) * k; i += last) sum += data[i];
  return sum;
}

function unread({ data }: Tensor, last: number, at: number): boolean {
  for (let i = at; i < data.length; i += last) if (data[i] !== 0) return false;
  return true;
}
