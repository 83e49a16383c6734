/**
 * Finds the channels of a model, that is, which entries of its parameters and buffers belong to the same channel, by
 * following one blank input through the tape. Code that reorders or removes channels does it for all uses of a group at
 * once.
 */
import { expected } from "../errors.ts";
import { type Parameter, type Shape, sizeOf, Tensor } from "../tensor/tensor.ts";
import { CausalSelfAttention } from "./causal-self-attention.ts";
import { Buffer, type Module } from "./module.ts";

/** A parameter or buffer with an axis along which the channels of a group lie. */
export interface ChannelUse {
  /** Its path, e.g. "fc1.weight". */
  readonly name: string;
  readonly values: Parameter | Buffer;
  readonly shape: Shape;
  readonly axis: number;
  /**
   * Whether the channel's values are computed from this array: rows of a weight, its bias, normalization, columns of a
   * table.
   */
  readonly writes: boolean;
  /** Whether this array multiplies the channel: inputs of a linear weight, channels of a convolution's weight. */
  readonly reads: boolean;
  /**
   * Entries along the axis: those of channel c are entries[i * size + c] for i in 0..times - 1. Behind a flatten of P
   * places, times is P, and the entries of channel c are c * P + i.
   */
  readonly entries: Int32Array;
  readonly times: number;
}

/** Channels that are treated alike: any order of them is as good as any other, unless `fixed` says why not. */
export interface ChannelGroup {
  /** Path of the first array that writes the channels, for people. */
  readonly name: string;
  readonly size: number;
  /** Number of the first channel: the channels of the group are first .. first + size - 1. */
  readonly first: number;
  /** The uses of these channels; each array and axis is here once, also if a tied weight both writes and reads. */
  readonly uses: readonly ChannelUse[];
  /** Why the channels can be neither reordered nor removed; null if they can be reordered. */
  readonly fixed: string | null;
  /** Why none of the channels can be removed; null if they can be. */
  readonly pinnedReason: string | null;
}

/** An operation of the blank pass, in the order of the pass. */
export interface TracedOperation {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
}

export interface ChannelGraph {
  readonly groups: readonly ChannelGroup[];
  /**
   * The operations of the pass, which is made in evaluation mode. Its tensors can be read as long as the graph is held.
   */
  readonly operations: readonly TracedOperation[];
  /** Numbers of the channels along the last axis of a tensor of the pass. */
  channelsOf(tensor: Tensor): Int32Array;
}

/** Operations whose output has the channels of their first input, each computed from that channel alone. */
const CHANNELWISE = new Set(["relu", "gelu", "squaredRelu", "dropout", "maxPool", "averagePool", "batchNormInfer"]);

/** Follows a blank input of this shape (without the batch) through the model; the model stays as it was. */
export function traceChannels(model: Module, shape: Shape): ChannelGraph {
  const parameters = model.parameters();
  const { device } = parameters[0];
  const plans = parameters.map(({ plan }) => plan);
  const modes = [...model.modules()].map(([, module]) => ({ module, training: module.training }));
  for (const parameter of parameters) parameter.plan = null;
  // evaluation: running statistics stay as they are, and the values of the pass are those of the trained network
  model.eval();
  try {
    const blank = device.kernels.float32(sizeOf(shape));
    return new Tracer(model).follow(model.forward(new Tensor(device, [1, ...shape], blank)));
  } finally {
    parameters.forEach((parameter, i) => {
      parameter.plan = plans[i];
    });
    for (const { module, training } of modes) module.training = training;
    device.readClocks();
  }
}

/** Puts channel order[c] in the place of channel c, in every use; the model computes the same as before. */
export function reorderChannels({ name, size, uses, fixed }: ChannelGroup, order: ArrayLike<number>): void {
  if (fixed !== null)
    throw expected(`reorder the channels of ${name}`, "channels of no fixed order", fixed, "Leave them");
  for (const { values, shape, axis, entries, times } of uses) {
    const from = Int32Array.from({ length: shape[axis] }, (_, at) => at);
    for (let i = 0; i < times; i++) {
      for (let c = 0; c < size; c++) from[entries[i * size + c]] = entries[i * size + order[c]];
    }
    values.data.set(takeAlong(values.data, shape, axis, from));
    if (values instanceof Tensor) values.touch();
  }
}

/** The slices of an axis that `from` lists, in that order. */
export function takeAlong(data: ArrayLike<number>, shape: Shape, axis: number, from: ArrayLike<number>): Float32Array {
  const outer = sizeOf(shape.slice(0, axis));
  const inner = sizeOf(shape.slice(axis + 1));
  const taken = new Float32Array(outer * from.length * inner);
  let at = 0;
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < from.length; j++) {
      const begin = (i * shape[axis] + from[j]) * inner;
      for (let k = 0; k < inner; k++) taken[at++] = data[begin + k];
    }
  }
  return taken;
}

/** An axis of an array while the tape is followed, with the node of each of its entries. */
interface Axis {
  readonly name: string;
  readonly values: Parameter | Buffer;
  readonly shape: Shape;
  readonly axis: number;
  readonly nodes: Int32Array;
  writes: boolean;
  reads: boolean;
}

type Note = "fixed" | "pinned" | "apart";

/**
 * Follows channels through the tape. Each entry of a tensor's last axis is a node; operations that tie two entries
 * unite their nodes, and a channel is a set of nodes that are united in the end. Channels with the same uses and the
 * same notes are a group. That splits the sum of a residual network where a shortcut has appended zeros: the channels
 * behind it have other uses than those before.
 */
class Tracer {
  readonly #model: Module;
  readonly #names: ReadonlyMap<Tensor, string>;
  /** The buffers that belong to a parameter (running statistics), by the parameter. */
  readonly #beside = new Map<Tensor, [string, Buffer][]>();
  /** The parent of each node, for union-find. */
  readonly #parents: number[] = [];
  readonly #nodes = new Map<Tensor, Int32Array>();
  readonly #axes = new Map<string, Axis>();
  readonly #notes: { readonly kind: Note; readonly text: string; readonly nodes: Int32Array }[] = [];

  constructor(model: Module) {
    this.#model = model;
    this.#names = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter, name]));
    const buffers = new Map([...model.namedBuffers()].map(([name, buffer]) => [buffer, name]));
    for (const [, module] of model.modules()) {
      const own = Object.values(module);
      const named = own.flatMap((value): [string, Buffer][] =>
        value instanceof Buffer ? [[buffers.get(value)!, value]] : [],
      );
      for (const value of own) if (value instanceof Tensor) this.#beside.set(value, named);
    }
  }

  follow(output: Tensor): ChannelGraph {
    const operations = operationsTo(output);
    for (const { op, inputs, output } of operations) this.#nodes.set(output, this.#through(op, inputs, output));
    this.#note("fixed", "the model's output", this.#of(output));
    const { groups, numbers } = this.#groups();
    return {
      groups,
      operations,
      channelsOf: (tensor) => this.#of(tensor).map((node) => numbers.get(this.#root(node))!),
    };
  }

  /** The nodes of an operation's output. */
  #through(op: string, inputs: readonly Tensor[], output: Tensor): Int32Array {
    const [x, ...others] = inputs;
    const { length } = output.shape;
    const channels = output.shape[length - 1];
    if (CHANNELWISE.has(op)) {
      for (const parameter of others) this.#writes(parameter, 0, this.#of(x));
      return this.#of(x);
    }
    switch (op) {
      case "conv2d":
      case "linear": {
        const [weight, bias] = others;
        this.#reads(weight, weight.shape.length - 1, this.#of(x));
        const nodes = this.#fresh(channels);
        this.#writes(weight, 0, nodes);
        if (bias !== undefined) this.#writes(bias, 0, nodes);
        return nodes;
      }
      case "groupedConv2d": {
        const [weight, bias] = others;
        const nodes = isDepthwise(x, weight) ? this.#of(x) : this.#fresh(channels);
        this.#writes(weight, 0, nodes);
        if (bias !== undefined) this.#writes(bias, 0, nodes);
        if (isDepthwise(x, weight)) {
          this.#note("pinned", "a depthwise convolution has a group for each of them", nodes);
          return nodes;
        }
        for (const grouped of [this.#of(x), nodes])
          this.#note("fixed", "a grouped convolution divides them into groups", grouped);
        return nodes;
      }
      case "embedding":
        return this.#writes(x, 1, this.#fresh(channels));
      case "layerNorm":
        for (const parameter of others) this.#writes(parameter, 0, this.#of(x));
        this.#note("pinned", "a layer norm takes the mean over all of them", this.#of(x));
        return this.#of(x);
      case "addBias":
        return this.#writes(others[0], 0, this.#of(x));
      case "addRows":
        return this.#writes(others[0], 1, this.#of(x));
      case "add":
        if (inputs.length !== 2 || inputs.some(({ shape }) => shape.join() !== output.shape.join())) break;
        this.#unite(this.#of(x), this.#of(others[0]));
        return this.#of(x);
      case "reshape": {
        const nodes = this.#of(x);
        if (channels % nodes.length !== 0) break;
        return Int32Array.from({ length: channels }, (_, i) => nodes[i % nodes.length]);
      }
      case "flatten": {
        const nodes = this.#of(x);
        const places = channels / nodes.length;
        return Int32Array.from({ length: channels }, (_, i) => nodes[Math.floor(i / places)]);
      }
      case "resizeChannels": {
        const nodes = this.#of(x);
        if (channels < nodes.length) this.#note("apart", "cut off by a shortcut", nodes.subarray(channels));
        return Int32Array.from([...nodes.subarray(0, channels), ...this.#fresh(Math.max(0, channels - nodes.length))]);
      }
      case "concat": {
        const nodes = inputs.flatMap((input) => [...this.#of(input)]);
        // concatenated along another axis than that of the channels
        if (nodes.length !== channels) break;
        return Int32Array.from(nodes);
      }
      case "causalAttention": {
        const heads = this.#headsOf(x);
        if (heads === undefined) break;
        return this.#attention(this.#of(x), heads);
      }
    }
    for (const input of inputs) this.#note("fixed", `goes through ${op}, which may mix them`, this.#of(input));
    const nodes = this.#fresh(channels);
    this.#note("fixed", `comes from ${op}, which may mix them`, nodes);
    return nodes;
  }

  /**
   * Ties each place of a head's queries to the same place of its keys, and a place of its values to the output it adds
   * to.
   */
  #attention(qkv: Int32Array, heads: number): Int32Array {
    const width = qkv.length / 3;
    const [q, k, v] = [0, 1, 2].map((i) => qkv.subarray(i * width, (i + 1) * width));
    this.#unite(q, k);
    for (let head = 0; head < heads; head++) {
      const [begin, end] = [(head * width) / heads, ((head + 1) * width) / heads];
      this.#note("apart", `queries and keys of head ${head}`, q.subarray(begin, end));
      this.#note("apart", `values of head ${head}`, v.subarray(begin, end));
    }
    this.#note("pinned", "heads of attention are of one width", qkv);
    return v;
  }

  #headsOf(qkv: Tensor): number | undefined {
    const weight = qkv.creator?.inputs[1];
    for (const [, module] of this.#model.modules()) {
      if (module instanceof CausalSelfAttention && module.qkv.weight === weight) return module.heads;
    }
    return undefined;
  }

  /** The nodes of a tensor; new ones for a tensor that no operation has made, which is the model's input. */
  #of(tensor: Tensor): Int32Array {
    let nodes = this.#nodes.get(tensor);
    if (nodes === undefined) {
      nodes = this.#fresh(tensor.shape[tensor.shape.length - 1]);
      this.#note("fixed", "the model's input", nodes);
      this.#nodes.set(tensor, nodes);
    }
    return nodes;
  }

  #fresh(length: number): Int32Array {
    const begin = this.#parents.length;
    const nodes = Int32Array.from({ length }, (_, i) => begin + i);
    for (const node of nodes) this.#parents.push(node);
    return nodes;
  }

  #note(kind: Note, text: string, nodes: Int32Array): void {
    this.#notes.push({ kind, text, nodes });
  }

  #writes(parameter: Tensor, axis: number, nodes: Int32Array): Int32Array {
    for (const use of this.#use(parameter, axis, nodes)) use.writes = true;
    return nodes;
  }

  #reads(parameter: Tensor, axis: number, nodes: Int32Array): void {
    for (const use of this.#use(parameter, axis, nodes)) use.reads = true;
  }

  /** Ties an axis of a parameter, and of the buffers beside it, to these nodes. */
  #use(parameter: Tensor, axis: number, nodes: Int32Array): Axis[] {
    const name = this.#names.get(parameter);
    if (name === undefined) {
      this.#note("fixed", "a tensor that is no parameter of the model has them too", nodes);
      return [];
    }
    const used = [this.#axis(name, parameter as Parameter, parameter.shape, axis, nodes)];
    for (const [path, buffer] of this.#beside.get(parameter) ?? []) {
      const { shape } = buffer;
      if (parameter.shape.length === 1 && shape.length === 1 && shape[0] === nodes.length)
        used.push(this.#axis(path, buffer, shape, 0, nodes));
    }
    return used;
  }

  #axis(name: string, values: Parameter | Buffer, shape: Shape, axis: number, nodes: Int32Array): Axis {
    const key = `${name}:${axis}`;
    let use = this.#axes.get(key);
    if (use === undefined) {
      use = { name, values, shape, axis, nodes, writes: false, reads: false };
      this.#axes.set(key, use);
    } else {
      this.#unite(use.nodes, nodes);
    }
    return use;
  }

  #root(node: number): number {
    const parents = this.#parents;
    let root = node;
    while (parents[root] !== root) {
      parents[root] = parents[parents[root]];
      root = parents[root];
    }
    return root;
  }

  #unite(a: Int32Array, b: Int32Array): void {
    a.forEach((node, i) => {
      const [one, other] = [this.#root(node), this.#root(b[i])];
      this.#parents[Math.max(one, other)] = Math.min(one, other);
    });
  }

  #groups(): { readonly groups: ChannelGroup[]; readonly numbers: ReadonlyMap<number, number> } {
    const roots = [...new Set(this.#parents.map((_, node) => this.#root(node)))];
    const channels = new Map(roots.map((root) => [root, new Channel()]));
    const axes = [...this.#axes.values()];
    axes.forEach(({ nodes }, use) => {
      nodes.forEach((node, entry) => {
        channels.get(this.#root(node))!.add(use, entry);
      });
    });
    for (const { kind, text, nodes } of this.#notes) {
      for (const node of nodes) channels.get(this.#root(node))!.notes.add(`${kind}:${text}`);
    }
    const alike = new Map<string, number[]>();
    for (const root of roots) {
      const key = channels.get(root)!.key();
      alike.set(key, [...(alike.get(key) ?? []), root]);
    }
    const numbers = new Map<number, number>();
    const groups = [...alike.values()].map((members): ChannelGroup => {
      const first = numbers.size;
      for (const root of members) numbers.set(root, numbers.size);
      const { entries: used, notes } = channels.get(members[0])!;
      const uses = [...used.keys()].map((use): ChannelUse => {
        const { name, values, shape, axis, writes, reads } = axes[use];
        const lists = members.map((root) => channels.get(root)!.entries.get(use)!);
        const entries = lists[0].flatMap((_, i) => lists.map((list) => list[i]));
        const times = lists[0].length;
        return { name, values, shape, axis, writes, reads, entries: Int32Array.from(entries), times };
      });
      const why = (kind: Note): string | null =>
        [...notes].find((note) => note.startsWith(kind))?.slice(kind.length + 1) ?? null;
      const fixed = why("fixed");
      const name = uses.find(({ writes }) => writes)?.name ?? uses[0]?.name ?? "nothing";
      return { name, size: members.length, first, uses, fixed, pinnedReason: fixed ?? why("pinned") };
    });
    return { groups, numbers };
  }
}

/** One channel: its entries by the number of the axis, and the notes on it. */
class Channel {
  readonly entries = new Map<number, number[]>();
  readonly notes = new Set<string>();

  add(use: number, entry: number): void {
    const list = this.entries.get(use);
    if (list === undefined) this.entries.set(use, [entry]);
    else list.push(entry);
  }

  /** A key that is the same for channels that are alike. */
  key(): string {
    const uses = [...this.entries].map(([use, list]) => `${use}x${list.length}`);
    return [...uses, ...[...this.notes].sort()].join();
  }
}

/** Whether each channel of a grouped convolution is computed from the same channel alone. */
function isDepthwise(x: Tensor, { shape: [outputs, , , width] }: Tensor): boolean {
  return width === 1 && outputs === x.shape[x.shape.length - 1];
}

function operationsTo(output: Tensor): TracedOperation[] {
  const found = new Set<Tensor>([output]);
  for (const { creator } of found) {
    for (const input of creator?.inputs ?? []) if (input.creator !== null) found.add(input);
  }
  return [...found]
    .filter(({ creator }) => creator !== null)
    .sort((a, b) => a.creator!.sequence - b.creator!.sequence)
    .map((tensor) => ({ op: tensor.creator!.op, inputs: tensor.creator!.inputs, output: tensor }));
}
