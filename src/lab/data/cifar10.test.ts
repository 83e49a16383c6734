import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TrisparseError } from "../../core/errors.ts";
import { cifar10, readRecords } from "./cifar10.ts";

/** One record: a red plane of `red`, green of 100, blue of 200. */
function record(label: number, red = 0): Uint8Array {
  return Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? label : i < 1025 ? red : i < 2049 ? 100 : 200));
}

function archive(files: Readonly<Record<string, Uint8Array>>): Promise<Uint8Array> {
  return packTar(Object.entries(files).map(([name, body]) => ({ header: { name, size: body.length }, body })));
}

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "trisparse-cifar-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("planes become channels-last pixels", () => {
  const file = record(7);
  file[1 + 1] = 11; // red of pixel (0, 1)
  file[1 + 1024 + 33] = 12; // green of pixel (1, 1)
  file[3072] = 13; // blue of pixel (31, 31)
  const { count, labels, images } = readRecords(file, "a.bin");
  expect([count, ...labels]).toEqual([1, 7]);
  expect([...images.subarray(0, 6)]).toEqual([0, 100, 200, 11, 100, 200]);
  expect([...images.subarray(33 * 3, 33 * 3 + 3)]).toEqual([0, 12, 200]);
  expect([...images.subarray(3069)]).toEqual([0, 100, 13]);
});

test("a cut file and a wrong label are refused", () => {
  expect(() => readRecords(record(1).subarray(1), "a.bin")).toThrow(
    new TrisparseError(
      "a.bin: expected CIFAR-10 records of 3073 bytes, got 3072 bytes. The file is damaged, cut short or not in the binary format; get it again.",
    ),
  );
  expect(() => readRecords(record(10), "a.bin")).toThrow(
    new TrisparseError(
      "a.bin: expected labels in 0..9, got 10 for image 0. The file may be of another data set or damaged; get it again.",
    ),
  );
});

test("the official layout loads, gzipped or not, in the order of the names", async () => {
  await writeFile(join(dir, "data_batch_2.bin"), record(2));
  await writeFile(join(dir, "data_batch_1.bin.gz"), gzipSync(record(1)));
  await writeFile(join(dir, "test_batch.bin"), record(9));
  await writeFile(join(dir, "batches.meta.txt"), "airplane");
  const data = await cifar10.load({ dir });
  expect(data.shape).toEqual([32, 32, 3]);
  expect([...data.train.labels]).toEqual([1, 2]);
  expect([...data.test.labels]).toEqual([9]);
  expect(data.mean.map((mean) => Math.round(mean * 255))).toEqual([0, 100, 200]);
});

test("the folder of the unpacked archive is found", async () => {
  await mkdir(join(dir, "cifar-10-batches-bin"));
  await writeFile(join(dir, "cifar-10-batches-bin", "data_batch_1.bin"), record(1));
  await writeFile(join(dir, "cifar-10-batches-bin", "test_batch.bin"), record(2));
  expect((await cifar10.load({ dir })).test.labels[0]).toBe(2);
});

test("the official archive loads without being unpacked", async () => {
  const tar = await archive({
    "cifar-10-batches-bin/data_batch_2.bin": record(2, 20),
    "cifar-10-batches-bin/data_batch_1.bin": record(1, 10),
    "cifar-10-batches-bin/test_batch.bin": record(3, 30),
    "cifar-10-batches-bin/readme.html": Uint8Array.of(60),
  });
  await writeFile(join(dir, "cifar-10-binary.tar.gz"), gzipSync(tar));
  const { train, test } = await cifar10.load({ dir });
  expect([...train.labels, ...test.labels]).toEqual([1, 2, 3]);
  expect([train.images[0], train.images[3072], test.images[0]]).toEqual([10, 20, 30]);
});

test("a cut archive is refused", async () => {
  const tar = await archive({ "cifar-10-batches-bin/data_batch_1.bin": record(1) });
  const path = join(dir, "cifar-10-binary.tar.gz");
  await writeFile(path, gzipSync(tar.subarray(0, 2000)));
  await expect(cifar10.load({ dir })).rejects.toThrow(
    new TrisparseError(
      `${path}: expected a whole tar archive, got Tar archive is truncated. The file is damaged or cut short; get it again.`,
    ),
  );
});

test("any files named train and test load, and a file beside its own .gz counts once", async () => {
  await writeFile(join(dir, "lossless-train-1.bin.gz"), gzipSync(record(1)));
  await writeFile(join(dir, "jpeg-train-1.bin"), record(2));
  await writeFile(join(dir, "jpeg-train-1.bin.gz"), gzipSync(record(2)));
  await writeFile(join(dir, "lossless-test-1.bin.gz"), gzipSync(record(3)));
  const { train, test } = await cifar10.load({ dir, limit: { train: 5 } });
  expect([...train.labels]).toEqual([2, 1]);
  expect([...test.labels]).toEqual([3]);
});

test("a folder without the files says which are missing", async () => {
  const what = `training and test files (data_batch_1.bin and test_batch.bin, *train*.bin and *test*.bin, or cifar-10-binary.tar.gz) in ${dir}`;
  const todo = "Put the files there, or leave --data-dir out to download them.";
  await expect(cifar10.load({ dir })).rejects.toThrow(
    new TrisparseError(`cifar10: expected ${what}, got none of them. ${todo}`),
  );
  await writeFile(join(dir, "data_batch_1.bin"), record(1));
  await expect(cifar10.load({ dir })).rejects.toThrow(
    new TrisparseError(`cifar10: expected ${what}, got no test file. ${todo}`),
  );
});
