import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TrisparseError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type TensorArray, type TensorData } from "./safetensors.ts";

const shared = process.env.TRISPARSE_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const models = join(shared, "models");

/** A file of this header text, as it is, and these values. */
function file(header: string | Uint8Array, values: readonly number[] = [], length?: number | bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(values, 8 + text.length);
  return bytes;
}

const bytesOf = (data: TensorArray): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const one = (dtype: string, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ a: { dtype, shape, data_offsets: offsets } });

describe("encoded tensors", () => {
  test("are these bytes, counted by hand", () => {
    const encoded = encodeSafetensors(
      new Map<string, TensorData>([
        ["w", { shape: [1, 2], data: Float32Array.of(1, -2) }],
        ["m", { shape: [], data: Uint8Array.of(7) }],
      ]),
      { k: "v" },
    );
    const header =
      '{"__metadata__":{"k":"v"},' +
      '"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
      '"m":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}';
    expect(header.length).toBe(132);
    expect(Buffer.from(encoded.subarray(0, 8)).toString("hex")).toBe("8800000000000000");
    expect(Buffer.from(encoded.subarray(8, 144)).toString()).toBe(`${header}    `);
    expect(Buffer.from(encoded.subarray(144)).toString("hex")).toBe("0000803f000000c007");
  });

  const numbers = (n: number): fc.Arbitrary<TensorArray> =>
    fc.oneof(
      fc.float32Array({ minLength: n, maxLength: n }),
      fc.float64Array({ minLength: n, maxLength: n }),
      fc.int32Array({ minLength: n, maxLength: n }),
      fc.uint32Array({ minLength: n, maxLength: n }),
      fc.uint8Array({ minLength: n, maxLength: n }),
      fc.bigInt64Array({ minLength: n, maxLength: n }),
    ) as fc.Arbitrary<TensorArray>;
  const tensor: fc.Arbitrary<TensorData> = fc
    .array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
    .chain((shape) =>
      numbers(shape.reduce((size, length) => size * length, 1)).map((data): TensorData => ({ shape, data })),
    );
  const names = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("", "__proto__", "constructor", "10", "2", 'quote"', "a\\", "{}"),
  );

  test("come back as they were, bit for bit, with their names, order and metadata", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(names, tensor), { maxLength: 6, selector: ([name]) => name }),
        fc.dictionary(names, fc.string({ unit: "grapheme" }), { noNullPrototype: true }),
        fc.integer({ min: 0, max: 7 }),
        (list, metadata, offset) => {
          fc.pre(list.every(([name]) => name !== "__metadata__"));
          const encoded = encodeSafetensors(new Map(list), metadata);
          // where the file lies in a larger buffer must not matter
          const moved = new Uint8Array(encoded.length + offset);
          moved.set(encoded, offset);
          const decoded = decodeSafetensors(moved.subarray(offset), "test");
          expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
          expect(new Set(decoded.tensors.keys())).toEqual(new Set(list.map(([name]) => name)));
          for (const [name, { shape, data }] of list) {
            const back = decoded.tensors.get(name)!;
            expect(back.shape).toEqual(shape);
            expect(back.data.constructor).toBe(data.constructor);
            expect(bytesOf(back.data).equals(bytesOf(data))).toBe(true);
          }
          const filled = (all: Iterable<readonly [string, TensorData]>): string[] =>
            [...all].filter(([, { data }]) => data.length > 0).map(([name]) => name);
          expect(filled(decoded.tensors)).toEqual(filled(list));
        },
      ),
      { seed: 20, numRuns: 300 },
    );
  });

  test("have a header padded to 8 bytes", () => {
    for (let i = 0; i < 9; i++) {
      const encoded = encodeSafetensors(new Map([["n".repeat(i), { shape: [1], data: Float64Array.of(i) }]]));
      expect((encoded.length - 8) % 8).toBe(0);
      expect(encoded[8]).toBe("{".charCodeAt(0));
    }
  });

  test.each([
    [
      [2, 2],
      "safetensors: a: expected a shape of whole numbers that holds 3 values, got [2,2]. Give the shape of the values.",
    ],
    [
      [-1, -3],
      "safetensors: a: expected a shape of whole numbers that holds 3 values, got [-1,-3]. Give the shape of the values.",
    ],
    [
      [1.5, 2],
      "safetensors: a: expected a shape of whole numbers that holds 3 values, got [1.5,2]. Give the shape of the values.",
    ],
  ])("of shape %j for three values are refused", (shape, message) => {
    const tensors = new Map([["a", { shape, data: new Float32Array(3) }]]);
    expect(() => encodeSafetensors(tensors)).toThrow(new TrisparseError(message));
  });

  test("may not have a header that no reader takes: half a surrogate pair, or more than 100 MB", () => {
    const tensor = { shape: [], data: Uint8Array.of(1) };
    const half = /^safetensors: header: expected names and metadata of whole characters, got half a surrogate pair/;
    expect(() => encodeSafetensors(new Map([["a\ud800", tensor]]))).toThrow(half);
    expect(() => encodeSafetensors(new Map(), { "\udc00": "v" })).toThrow(half);
    expect(() => encodeSafetensors(new Map(), { k: "\ude00\ud83d" })).toThrow(half);
    const emoji = encodeSafetensors(new Map([["\ud83d\ude00", tensor]]), { k: "\\ud800" });
    expect([...decodeSafetensors(emoji, "test").tensors.keys()]).toEqual(["😀"]);
    const frame = '{"__metadata__":{"k":""}}'.length;
    const longest = encodeSafetensors(new Map(), { k: "x".repeat(100_000_000 - frame) });
    expect(longest.length).toBe(100_000_008);
    expect(() => encodeSafetensors(new Map(), { k: "x".repeat(100_000_001 - frame) })).toThrow(
      new TrisparseError(
        "safetensors: header: expected at most 100000000 bytes, got 100000008. Shorten the metadata or the names.",
      ),
    );
  });

  test("may not take the name of the metadata", () => {
    const tensors = new Map([["__metadata__", { shape: [], data: new Float32Array(1) }]]);
    expect(() => encodeSafetensors(tensors)).toThrow("expected the name of a tensor");
  });
});

test("arrays that the format has no place for are refused, never written as others", () => {
  for (const data of [Int8Array.of(-1), Uint16Array.of(1), new Uint8ClampedArray(1), [1]]) {
    const tensors = new Map([["a", { shape: [1], data: data as unknown as TensorArray }]]);
    expect(() => encodeSafetensors(tensors)).toThrow(/^safetensors: a: expected floats, .*, got \w*Array\./);
  }
});

test("metadata that is no text is refused", () => {
  const metadata = { k: "v", epoch: 3 } as unknown as Record<string, string>;
  expect(() => encodeSafetensors(new Map(), metadata)).toThrow(
    new TrisparseError("safetensors: metadata: expected text for epoch, got 3. Make it text."),
  );
});

describe("values of half precision", () => {
  test("widen exactly: F16", () => {
    const bits = [0x0000, 0x8000, 0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x3555];
    const { tensors } = decodeSafetensors(
      file(
        one("F16", [12], [0, 24]),
        bits.flatMap((b) => [b & 255, b >> 8]),
      ),
      "test",
    );
    const wanted = [0, -0, 1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, Infinity, -Infinity, Number.NaN];
    const { data, dtype } = tensors.get("a")!;
    expect(dtype).toBe("F16");
    expect([...(data as Float32Array)]).toEqual([...wanted, 0.333251953125]);
  });

  test("widen exactly: BF16", () => {
    const bits = [0x3f80, 0xc000, 0x8000, 0x0001, 0x7f7f, 0x7f80, 0xff80, 0x7fc0];
    const { tensors } = decodeSafetensors(
      file(
        one("BF16", [8], [0, 16]),
        bits.flatMap((b) => [b & 255, b >> 8]),
      ),
      "test",
    );
    const wanted = [1, -2, -0, 2 ** -133, (2 - 2 ** -7) * 2 ** 127, Infinity, -Infinity, Number.NaN];
    expect([...(tensors.get("a")!.data as Float32Array)]).toEqual(wanted);
  });
});

describe("a header", () => {
  test("may leave values at any offset, in any order, padded with spaces", () => {
    const header = `{"b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]},"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}   `;
    const { tensors } = decodeSafetensors(file(header, [1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]), "test");
    expect([...tensors.keys()]).toEqual(["a", "b"]);
    expect(tensors.get("b")!.data).toEqual(Float64Array.of(1.5));
    expect(tensors.get("a")!.data).toEqual(Uint8Array.of(1));
  });

  test("may hold nothing, or tensors without values", () => {
    expect(decodeSafetensors(file("{}"), "test").tensors.size).toBe(0);
    const { tensors } = decodeSafetensors(file(one("F32", [3, 0], [0, 0])), "test");
    expect(tensors.get("a")).toEqual({ dtype: "F32", shape: [3, 0], data: new Float32Array(0) });
  });

  test("may have names and metadata that look like JSON", () => {
    const name = '{"a":1,\\"';
    const tensors = new Map([
      [name, { shape: [1], data: Uint8Array.of(1) }],
      ["a", { shape: [1], data: Uint8Array.of(2) }],
    ]);
    const decoded = decodeSafetensors(encodeSafetensors(tensors, { a: '"a":{"a":' }), "test");
    expect([...decoded.tensors.keys()]).toEqual([name, "a"]);
    expect(decoded.metadata).toEqual({ a: '"a":{"a":' });
  });

  test("may have metadata of millions of escaped characters", () => {
    const k = '"\\'.repeat(5_000_000);
    expect(decodeSafetensors(encodeSafetensors(new Map(), { k }), "test").metadata.k === k).toBe(true);
  });
});

const two = (first: readonly number[], second: readonly number[]): string =>
  JSON.stringify({
    a: { dtype: "U8", shape: [first[1] - first[0]], data_offsets: first },
    b: { dtype: "U8", shape: [second[1] - second[0]], data_offsets: second },
  });
const whole = encodeSafetensors(
  new Map<string, TensorData>([
    ["a", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["b", { shape: [2], data: Int32Array.of(7, 8) }],
  ]),
);

const nested = "[".repeat(100_000) + "]".repeat(100_000);

describe("a damaged file is refused:", () => {
  test.each<[string, Uint8Array, string]>([
    ["empty", new Uint8Array(0), "at least 8 bytes, got 0"],
    ["cut within the length of the header", whole.subarray(0, 7), "at least 8 bytes, got 7"],
    ["a header longer than allowed", file("{}", [], 100_000_001), "a header of at most 100000000 bytes, got 100000001"],
    [
      "a header of 2^63 bytes",
      file("{}", [], 2n ** 63n),
      "a header of at most 100000000 bytes, got 9223372036854776000",
    ],
    ["a header longer than the file", file("{}", [], 10), "a header of 10 bytes, got a file that ends after 2 of them"],
    ["no header", file(""), 'a header that begins with "{", got none'],
    [
      "bytes that are no UTF-8",
      file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)),
      "a header of JSON, got The encoded data was not valid",
    ],
    ["no JSON", file("{a}"), "a header of JSON, got Expected property name"],
    ["JSON that goes on", file("{} {}"), "a header of JSON, got Unexpected non-whitespace"],
    ["an array", file("[]"), 'a header that begins with "{", got byte 91'],
    ["null", file("null"), 'a header that begins with "{", got byte 110'],
    ["a byte order mark", file("\ufeff{}"), 'a header that begins with "{", got byte 239'],
    ["a space in front", file(" {}"), 'a header that begins with "{", got byte 32'],
    [
      "a name twice",
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061" : {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        [1],
      ),
      "every name once, got a twice",
    ],
    [
      "a field of a tensor twice",
      file('{"a":{"dtype":"U8","dtype":"BOOL","shape":[0],"data_offsets":[0,0]}}'),
      "every name once, got dtype twice",
    ],
    ["a name of the metadata twice", file('{"__metadata__":{"k":"1","k":"2"}}'), "every name once, got k twice"],
    ["an unknown type", file(one("F8_E4M3", [1], [0, 1]), [0]), "a of a type of F64, F32, F16,"],
    [
      "a type that is no text",
      file('{"a":{"dtype":7,"shape":[],"data_offsets":[0,1]}}', [0]),
      "a of a type of F64, F32, F16, BF16, I64, I32, U32, U8, BOOL, got 7",
    ],
    ["a type of Object's", file(one("toString", [1], [0, 1]), [0]), "a of a type of F64"],
    [
      "a type that cannot be made text",
      file('{"a":{"dtype":{"toString":1,"valueOf":1},"shape":[],"data_offsets":[0,0]}}'),
      'a of a type of F64, F32, F16, BF16, I64, I32, U32, U8, BOOL, got {"toString":1,"valueOf":1}',
    ],
    ["a type nested deeply", file(`{"a":{"dtype":${nested},"shape":[]}}`), "a of a type of F64"],
    [
      "a shape nested deeply",
      file(`{"a":{"dtype":"U8","shape":${nested}}}`),
      "a with a shape of whole numbers, got lists within lists",
    ],
    [
      "metadata nested deeply",
      file(`{"__metadata__":{"k":${nested}}}`),
      "__metadata__ of strings, got lists within lists",
    ],
    [
      "a shape of very many negative lengths",
      file(one("U8", new Array(10_000).fill(-1), [0, 0])),
      `a with a shape of whole numbers, got [${"-1,".repeat(33)}...`,
    ],
    ["null for a tensor", file('{"a":null}'), "a of a type of F64"],
    ["no shape", file('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), "a with a shape of whole numbers, got undefined"],
    ["negative lengths", file(one("U8", [-1, -1], [0, 1]), [0]), "a with a shape of whole numbers, got [-1,-1]"],
    ["half lengths", file(one("U8", [0.5, 2], [0, 1]), [0]), "a with a shape of whole numbers, got [0.5,2]"],
    [
      "lengths beyond all numbers",
      file(one("U8", [2 ** 40, 2 ** 40], [0, 1]), [0]),
      "a of 1.2089258196146292e+24 bytes",
    ],
    ["no offsets", file('{"a":{"dtype":"U8","shape":[]}}'), "a with data_offsets [begin, end], got undefined"],
    ["one offset", file(one("U8", [], [1])), "a with data_offsets [begin, end], got [1]"],
    ["negative offsets", file(one("U8", [1], [-1, 0])), "a with data_offsets [begin, end], got [-1,0]"],
    ["offsets backwards", file(one("U8", [0], [1, 0])), "a with data_offsets [begin, end], got [1,0]"],
    ["a wrong size", file(one("F32", [2], [0, 4]), [0, 0, 0, 0]), "a of 8 bytes (F32, shape [2]), got 4"],
    ["values beyond the file", file(one("U8", [2], [0, 2]), [0]), "a within 1 bytes of values, got bytes 0..2"],
    ["overlapping values", file(two([0, 2], [1, 3]), [0, 0, 0]), "b to begin at byte 2 of the values, got 1"],
    ["the same values twice", file(two([0, 2], [0, 2]), [0, 0]), "b to begin at byte 2 of the values, got 0"],
    ["a hole", file(two([0, 1], [2, 3]), [0, 0, 0]), "b to begin at byte 1 of the values, got 2"],
    ["a hole at the start", file(two([1, 2], [2, 3]), [0, 0, 0]), "a to begin at byte 0 of the values, got 1"],
    ["bytes too many", file(one("U8", [1], [0, 1]), [0, 0]), "1 bytes of values, got 2"],
    ["metadata that is a list", file('{"__metadata__":["a"]}'), '__metadata__ of strings, got ["a"]'],
    ["metadata that is a text", file('{"__metadata__":"a"}'), '__metadata__ of strings, got "a"'],
    ["metadata of numbers", file('{"__metadata__":{"a":1}}'), '__metadata__ of strings, got {"a":1}'],
  ])("%s", (_, bytes, message) => {
    const decode = (): unknown => decodeSafetensors(bytes, "x.safetensors");
    expect(decode).toThrow(TrisparseError);
    expect(decode).toThrow(`safetensors x.safetensors: expected ${message}`);
    expect(decode).toThrow(/The file is damaged or of another format: fetch or save it again\.$/);
  });

  test("with very many tensors at one place, before memory is taken for them", () => {
    const size = 1 << 24;
    const entry = { dtype: "U8", shape: [size], data_offsets: [0, size] };
    const header = JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`t${i}`, entry])));
    const bytes = new Uint8Array(8 + header.length + size);
    bytes.set(file(header));
    expect(() => decodeSafetensors(bytes, "x")).toThrow(`t1 to begin at byte ${size} of the values, got 0`);
  });

  test("cut anywhere", () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeSafetensors(whole.subarray(0, length), "x")).toThrow(TrisparseError);
    }
    expect(decodeSafetensors(whole, "x").tensors.size).toBe(2);
  });

  test("any byte of it changed: an answer or an error of ours, never another", () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = whole.slice();
        bytes[at] ^= change;
        try {
          decodeSafetensors(bytes, "x");
        } catch (error) {
          expect(error).toBeInstanceOf(TrisparseError);
        }
      }),
      { seed: 21, numRuns: 2000 },
    );
  });
});

describe.skipIf(!existsSync(models))("files of others (needs the data in TRISPARSE_DATA)", () => {
  const load = (name: string): ReturnType<typeof decodeSafetensors> =>
    decodeSafetensors(readFileSync(join(models, name)), name);

  test("a ResNet-20 of PyTorch has its metadata, names, shapes and sane values", () => {
    const { tensors, metadata } = load("resnet20-cifar10.safetensors");
    expect(metadata.format).toBe("pt");
    const first = tensors.get("conv1.weight")!;
    expect([first.dtype, first.shape]).toEqual(["F32", [16, 3, 3, 3]]);
    const weights = [...tensors].filter(([name]) => /weight|bias/.test(name));
    expect(weights.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(269_722);
    for (const [, { data }] of weights) expect((data as Float32Array).every((x) => Math.abs(x) < 100)).toBe(true);
  });

  test("a file of Burn holds 64-bit scalars", () => {
    const { dtype, shape, data } = load("burn-mnist.safetensors").tensors.get("norm1.num_batches_tracked")!;
    expect([dtype, shape, data.length]).toEqual(["I64", [], 1]);
    expect(data[0]).toBeTypeOf("bigint");
  });

  test("what was read and written again is read as the same", () => {
    const { tensors, metadata } = load("silero_vad_16k.safetensors");
    const again = decodeSafetensors(encodeSafetensors(tensors, metadata), "again");
    expect([...again.tensors.keys()]).toEqual([...tensors.keys()]);
    for (const [name, { shape, data }] of tensors) {
      expect(again.tensors.get(name)!.shape).toEqual(shape);
      expect(bytesOf(again.tensors.get(name)!.data).equals(bytesOf(data))).toBe(true);
    }
  });
});
