import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TrisparseError } from "../../core/errors.ts";
import { unzipped } from "./gzip.ts";
import { idxImages, readIdx } from "./idx.ts";

/** An IDX file of unsigned bytes. */
function idxFile(dims: readonly number[], data: readonly number[]): Uint8Array {
  return Uint8Array.from([0, 0, 8, dims.length, ...dims.flatMap((d) => [d >>> 24, d >>> 16, d >>> 8, d]), ...data]);
}

const images = idxFile([2, 1, 3], [0, 10, 20, 30, 40, 50]);
const labels = idxFile([2], [3, 1]);
const tiny = idxImages({ name: "tiny", description: "", classes: 4, url: "", sha256: ["", "", "", ""] });

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "trisparse-idx-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("an IDX file is its sizes and its values", () => {
  expect(readIdx(images, "a.idx")).toEqual({ dims: [2, 1, 3], data: Uint8Array.of(0, 10, 20, 30, 40, 50) });
});

test("sizes are big-endian and a view into a larger buffer is read from its own start", () => {
  const file = idxFile([1, 300], new Array(300).fill(7));
  const view = Uint8Array.from([9, ...file]).subarray(1);
  expect(readIdx(view, "a.idx").dims).toEqual([1, 300]);
});

test("every array comes back as it was written, gzipped or not", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (dims, zip) => {
        const data = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i * 37) % 256);
        const file = idxFile(dims, data);
        const idx = readIdx(await unzipped(zip ? gzipSync(file) : file, "a"), "a");
        expect(idx).toEqual({ dims, data: Uint8Array.from(data) });
      },
    ),
    { seed: 1 },
  );
});

test.each<[string, Uint8Array, string]>([
  [
    "an empty file",
    new Uint8Array(0),
    "a.idx: expected an IDX file (its first bytes are 0 0), got an empty file. Use the MNIST-style ubyte files.",
  ],
  [
    "another format",
    Uint8Array.of(137, 80, 78, 71, 13),
    "a.idx: expected an IDX file (its first bytes are 0 0), got the bytes 137 80 78 71. Use the MNIST-style ubyte files.",
  ],
  [
    "floating-point values",
    Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 0),
    "a.idx: expected IDX type 8 (unsigned byte), got type 13. Convert the values to unsigned bytes.",
  ],
  [
    "no dimension",
    Uint8Array.of(0, 0, 8, 0),
    "a.idx: expected an IDX header with at least one dimension, got 0 dimensions. The file is damaged; get it again.",
  ],
  [
    "a cut header",
    Uint8Array.of(0, 0, 8, 2, 0, 0),
    "a.idx: expected an IDX header with at least one dimension, got a file of 6 bytes for 2 dimensions. The file is damaged; get it again.",
  ],
  [
    "a cut body",
    images.subarray(0, images.length - 1),
    "a.idx: expected 22 bytes for dimensions 2 x 1 x 3, got 21 bytes. The file is damaged or cut short; get it again.",
  ],
  [
    "bytes too many",
    Uint8Array.from([...labels, 0]),
    "a.idx: expected 10 bytes for dimensions 2, got 11 bytes. The file is damaged or cut short; get it again.",
  ],
])("%s is refused", (_, bytes, message) => {
  expect(() => readIdx(bytes, "a.idx")).toThrow(new TrisparseError(message));
});

test("a cut gzip file and a corrupt one are refused", async () => {
  const zip = gzipSync(images);
  await expect(unzipped(zip.subarray(0, zip.length - 9), "a.gz")).rejects.toThrow(
    new TrisparseError(
      "a.gz: expected a whole gzip file, got unexpected end of file. The file is damaged or cut short; get it again.",
    ),
  );
  const corrupt = Uint8Array.from(zip);
  corrupt[zip.length - 6] ^= 1; // in the checksum
  await expect(unzipped(corrupt, "a.gz")).rejects.toThrow(
    new TrisparseError(
      "a.gz: expected a whole gzip file, got incorrect data check. The file is damaged or cut short; get it again.",
    ),
  );
});

test("four files load in any mix of spellings, gzipped or not, whatever their name says", async () => {
  await writeFile(join(dir, "train-images-idx3-ubyte"), images);
  await writeFile(join(dir, "train-labels.idx1-ubyte"), gzipSync(labels));
  await writeFile(join(dir, "t10k-images.idx3-ubyte.gz"), gzipSync(images));
  await writeFile(join(dir, "t10k-labels-idx1-ubyte.gz"), labels);
  const data = await tiny.load({ dir, limit: { test: 1 } });
  expect(data.name).toBe("tiny");
  expect(data.shape).toEqual([1, 3, 1]);
  expect(data.train).toEqual({
    count: 2,
    images: Uint8Array.of(0, 10, 20, 30, 40, 50),
    labels: Uint8Array.of(3, 1),
  });
  expect(data.test).toEqual({ count: 1, images: Uint8Array.of(0, 10, 20), labels: Uint8Array.of(3) });
  expect(data.mean[0]).toBeCloseTo(25 / 255, 12);
});

test("an empty folder and a missing file are told by name", async () => {
  const all = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte";
  const todo = "Put the files there, gzipped (.gz) or not, or leave --data-dir out to download them.";
  await expect(tiny.load({ dir })).rejects.toThrow(
    new TrisparseError(`tiny: expected ${all} in ${dir}, got none of them. ${todo}`),
  );
  await writeFile(join(dir, "train-images-idx3-ubyte"), images);
  await writeFile(join(dir, "t10k-images-idx3-ubyte"), images);
  await expect(tiny.load({ dir })).rejects.toThrow(
    new TrisparseError(
      `tiny: expected ${all} in ${dir}, got no train-labels-idx1-ubyte, no t10k-labels-idx1-ubyte. ${todo}`,
    ),
  );
});

test.each<[string, Uint8Array, Uint8Array, (dir: string) => string]>([
  [
    "swapped files",
    labels,
    images,
    (dir) =>
      `${join(dir, "train-images-idx3-ubyte")}: expected images: 3 dimensions, got 2. Check that image and label files are not swapped.`,
  ],
  [
    "a label beyond the classes",
    images,
    idxFile([2], [0, 4]),
    () =>
      "tiny train: expected labels in 0..3, got 4 for image 1. The file may be of another data set or damaged; get it again.",
  ],
  [
    "images of different sizes",
    idxFile([2, 1, 2], [1, 2, 3, 4]),
    labels,
    (dir) =>
      `${join(dir, "t10k-images-idx3-ubyte")}: expected images of 1 x 2 as in ${join(dir, "train-images-idx3-ubyte")}, got 1 x 3. Use the training and test files of one data set.`,
  ],
])("%s are refused", async (_, trainImages, trainLabels, message) => {
  await writeFile(join(dir, "train-images-idx3-ubyte"), trainImages);
  await writeFile(join(dir, "train-labels-idx1-ubyte"), trainLabels);
  await writeFile(join(dir, "t10k-images-idx3-ubyte"), images);
  await writeFile(join(dir, "t10k-labels-idx1-ubyte"), labels);
  await expect(tiny.load({ dir })).rejects.toThrow(new TrisparseError(message(dir)));
});
