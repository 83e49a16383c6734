/** Common code for both packages of ONNX Runtime: a model of one product, written by hand, and its session. */
import type { Size } from "../../src/lab/bench/gemm.ts";
import { at, type Operands, type Peer, timed, type Variant } from "./peer.ts";

interface Tensor {
  readonly data: Float32Array;
}

interface Session {
  run(feeds: Record<string, Tensor>, fetches?: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** The parts of onnxruntime-node and onnxruntime-web that are used here. */
export interface OnnxRuntime {
  readonly env: { readonly versions: Record<string, string>; readonly wasm: { numThreads?: number } };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => Tensor;
}

const FLOAT = 1;
const INT = 2;

/** Writes protocol buffers, of which a model of one node needs three kinds of field. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.of(...bytes, rest);
    bytes.push((rest % 128) + 128);
  }
}
function whole(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field * 8), varint(value)]);
}
function part(field: number, ...content: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(content);
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}
function text(field: number, value: string): Uint8Array {
  return part(field, Buffer.from(value));
}

/**
 * The model y = x w^T with one Gemm node; w is an initializer if it is given, else a second input. Field numbers:
 * onnx.proto.
 */
function productModel({ t, i, o }: Size, w: Float32Array | null): Uint8Array {
  const value = (name: string, dims: number[]): Uint8Array =>
    Buffer.concat([
      text(1, name),
      part(2, part(1, whole(1, FLOAT), part(2, ...dims.map((dim) => part(1, whole(1, dim)))))),
    ]);
  const transposed = part(5, text(1, "transB"), whole(3, 1), whole(20, INT));
  const node = part(1, text(1, "x"), text(1, "w"), text(2, "y"), text(4, "Gemm"), transposed);
  const weight =
    w === null
      ? part(11, value("w", [o, i]))
      : part(5, whole(1, o), whole(1, i), whole(2, FLOAT), text(8, "w"), part(9, Buffer.from(w.buffer)));
  const graph = [node, text(2, "product"), weight, part(11, value("x", [t, i])), part(12, value("y", [t, o]))];
  return Buffer.concat([whole(1, 8), part(7, ...graph), part(8, whole(2, 17))]);
}

export interface OnnxOptions {
  readonly name: string;
  readonly runtime: "native" | "wasm";
  readonly instructionSet: string;
  readonly threads: number;
  readonly provider: string;
  /** Whether the result is written into an array of the caller, which saves a new one for each call. */
  readonly ownOutput: boolean;
}

export function onnxPeer(ort: OnnxRuntime, options: OnnxOptions): Peer {
  const { name, runtime, instructionSet, threads } = options;
  async function variant(kind: string, size: Size, { x, w }: Operands, constant: boolean): Promise<Variant> {
    const { t, i, o } = size;
    const session = await ort.InferenceSession.create(productModel(size, constant ? w : null), {
      executionProviders: [options.provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
    const input = new ort.Tensor("float32", x, [t, i]);
    const feeds: Record<string, Tensor> = constant
      ? { x: input }
      : { x: input, w: new ort.Tensor("float32", w, [o, i]) };
    const output = { y: new ort.Tensor("float32", new Float32Array(t * o), [t, o]) };
    let last: Record<string, Tensor> = {};
    return {
      name: `${name}, ${kind}`,
      run: () =>
        timed(async () => {
          last = await (options.ownOutput ? session.run(feeds, output) : session.run(feeds));
        }),
      result: async () => at(last.y.data),
      stop: () => session.release(),
    };
  }
  return {
    ...{ name, runtime, instructionSet, threads, version: ort.env.versions.common },
    product: async (gemm, size, operands) =>
      gemm === "forward"
        ? [await variant("W constant", size, operands, true), await variant("W fed", size, operands, false)]
        : [],
    step: async () => "its npm package does not train",
    stop: () => {},
  };
}
