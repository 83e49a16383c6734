/**
 * Safetensors: 8 bytes of header length, a JSON header of names, types, shapes and places, then the values.
 * Written deterministically: tensors in the order given, the header padded to 8 bytes with spaces.
 * Source: the format's page (huggingface/safetensors, README, "Format").
 */
import { expected, TrisparseError } from "../errors.ts";

export type TensorArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array | BigInt64Array;

/** A tensor that `encodeSafetensors` takes: a shape and its row-major values. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

/** A tensor that `decodeSafetensors` gives; half precision is widened to Float32Array. */
export interface DecodedTensor extends TensorData {
  /** Name of the type as in the file, such as "F16". */
  readonly dtype: string;
}

/** Largest length of a header in bytes: the format's own limit. */
const MAX_HEADER = 100_000_000;

/** Bytes of a value, and how to read `count` of them from a buffer that starts with them. */
const dtypes: Readonly<Record<string, { bytes: number; read(buffer: ArrayBuffer): TensorArray | number[] }>> = {
  F64: { bytes: 8, read: (buffer) => new Float64Array(buffer) },
  F32: { bytes: 4, read: (buffer) => new Float32Array(buffer) },
  F16: { bytes: 2, read: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf) },
  BF16: { bytes: 2, read: (buffer) => fromBfloat(new Uint16Array(buffer)) },
  I64: { bytes: 8, read: (buffer) => new BigInt64Array(buffer) },
  I32: { bytes: 4, read: (buffer) => new Int32Array(buffer) },
  U32: { bytes: 4, read: (buffer) => new Uint32Array(buffer) },
  U8: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
  BOOL: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
};

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function fromBfloat(bits: Uint16Array): Float32Array {
  const wide = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(wide.buffer);
}

/**
 * The type that the format has for an array; undefined for other kinds of arrays, which callers without types may pass.
 */
function dtypeOf(data: TensorArray): string | undefined {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint32Array) return "U32";
  if (data instanceof BigInt64Array) return "I64";
  return data instanceof Uint8Array ? "U8" : undefined;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const areLengths = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((item) => Number.isSafeInteger(item) && item >= 0);

/**
 * A value of a header as an error shows it: short, whatever the value is (String and JSON.stringify throw on some
 * values).
 */
function shown(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 100 ? `${text.slice(0, 100)}...` : text;
  } catch {
    return "lists within lists";
  }
}

/**
 * Encodes tensors as the bytes of a safetensors file. Throws if a shape does not match the number of its values, if the
 * format cannot hold an array or the metadata, if a tensor has the name of the metadata, and if readers would refuse
 * the header.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const other = Object.keys(metadata).find((key) => typeof metadata[key] !== "string");
  if (other !== undefined) {
    throw expected("safetensors: metadata", `text for ${other}`, shown(metadata[other]), "Make it text");
  }
  // JSON.stringify writes an unpaired surrogate as an escape; the format's own reader refuses that, and the whole file
  // with it
  const half = [...tensors.keys(), ...Object.entries(metadata).flat()].find((text) => /\p{Cs}/u.test(text));
  if (half !== undefined) {
    const got = `half a surrogate pair in ${shown(half)}`;
    throw expected("safetensors: header", "names and metadata of whole characters", got, "Rename it");
  }
  // built as text, not as an object: in an object a name like "1" comes first and "__proto__" is no key
  const header: string[] = Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    const where = `safetensors: ${name}`;
    if (name === "__metadata__") throw expected(where, "the name of a tensor", "a name of the format", "Rename it");
    if (!areLengths(shape) || sizeOf(shape) !== data.length) {
      const what = `a shape of whole numbers that holds ${data.length} values`;
      throw expected(where, what, `[${shape}]`, "Give the shape of the values");
    }
    const dtype = dtypeOf(data);
    if (dtype === undefined) {
      const got = Object.prototype.toString.call(data).slice(8, -1);
      throw expected(where, "floats, unsigned bytes, 32-bit whole numbers or bigints", got, "Convert the values");
    }
    const entry = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    header.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(`{${header.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER) {
    throw expected(
      "safetensors: header",
      `at most ${MAX_HEADER} bytes`,
      `${length}`,
      "Shorten the metadata or the names",
    );
  }
  const file = new Uint8Array(8 + length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  file.fill(0x20, 8 + text.length, 8 + length);
  let at = 8 + length;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Decodes a whole file, with tensors in the order of their values; `where` names the file in errors. Throws on anything
 * that is not exactly the format.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  where: string,
): { tensors: Map<string, DecodedTensor>; metadata: Record<string, string> } {
  const fail = (what: string, got: string): never => {
    throw expected(
      `safetensors ${where}`,
      what,
      got,
      "The file is damaged or of another format: fetch or save it again",
    );
  };
  if (bytes.length < 8) fail("at least 8 bytes", `${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER) fail(`a header of at most ${MAX_HEADER} bytes`, `${length}`);
  if (8 + length > bytes.length)
    fail(`a header of ${length} bytes`, `a file that ends after ${bytes.length - 8} of them`);
  const header = parseHeader(bytes.subarray(8, 8 + length), fail);
  const metadata = (header.__metadata__ ?? {}) as Record<string, string>;
  delete header.__metadata__;
  const isObject = typeof metadata === "object" && !Array.isArray(metadata);
  if (!isObject || Object.values(metadata).some((value) => typeof value !== "string")) {
    fail("__metadata__ of strings", shown(metadata));
  }
  const data = bytes.subarray(8 + length);
  const entries = Object.entries(header).map(([name, value]): [string, Entry] => {
    const entry = checkedEntry(name, value, fail);
    const [from, to] = entry.data_offsets;
    if (to > data.length) fail(`${name} within ${data.length} bytes of values`, `bytes ${from}..${to}`);
    return [name, entry];
  });
  entries.sort(([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1]);
  const tensors = new Map<string, DecodedTensor>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets: offsets }] of entries) {
    const [from, to] = offsets;
    // checked before anything is copied: many tensors at one place would take many times the size of the file
    if (from !== end) fail(`${name} to begin at byte ${end} of the values`, `${from}`);
    end = to;
    // a copy, because the values may begin where a typed array of their width cannot
    const values = dtypes[dtype].read(new Uint8Array(data.subarray(from, to)).buffer) as TensorArray;
    tensors.set(name, { dtype, shape, data: values });
  }
  if (end !== data.length) fail(`${end} bytes of values`, `${data.length}`);
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array, fail: (what: string, got: string) => never): Record<string, unknown> {
  // the format's rule; it also keeps out a byte order mark, which TextDecoder would skip
  if (bytes[0] !== 0x7b) return fail('a header that begins with "{"', bytes.length === 0 ? "none" : `byte ${bytes[0]}`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const header = JSON.parse(text) as Record<string, unknown>;
    const twice = repeatedKey(text);
    if (twice === undefined) return header;
    return fail("every name once", `${twice} twice`);
  } catch (error) {
    if (error instanceof TrisparseError) throw error;
    return fail("a header of JSON", (error as Error).message);
  }
}

/**
 * The first key that occurs twice in an object of this valid JSON. JSON.parse would keep the last one and say nothing.
 */
function repeatedKey(json: string): string | undefined {
  /** The keys so far of each object that is still open. */
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    if (json[at] === "{") open.push(new Set());
    else if (json[at] === "}") open.pop();
    else if (json[at] === '"') {
      const begin = at;
      // no regular expression: on millions of escapes it runs out of stack
      for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
      let next = at + 1;
      while (" \t\n\r".includes(json.charAt(next)) && next < json.length) next++;
      if (json[next] !== ":") continue;
      const name = JSON.parse(json.slice(begin, at + 1)) as string;
      const seen = open[open.length - 1];
      if (seen.has(name)) return name;
      seen.add(name);
    }
  }
  return undefined;
}

function checkedEntry(name: string, value: unknown, fail: (what: string, got: string) => never): Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<Entry>;
  if (typeof dtype !== "string" || !Object.hasOwn(dtypes, dtype)) {
    return fail(`${name} of a type of ${Object.keys(dtypes).join(", ")}`, shown(dtype));
  }
  if (!areLengths(shape)) return fail(`${name} with a shape of whole numbers`, shown(shape));
  if (!areLengths(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return fail(`${name} with data_offsets [begin, end]`, shown(offsets));
  }
  const wanted = sizeOf(shape) * dtypes[dtype].bytes;
  if (offsets[1] - offsets[0] !== wanted) {
    return fail(`${name} of ${wanted} bytes (${dtype}, shape ${shown(shape)})`, `${offsets[1] - offsets[0]}`);
  }
  return { dtype, shape, data_offsets: [offsets[0], offsets[1]] };
}
