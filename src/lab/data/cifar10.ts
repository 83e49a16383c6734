/**
 * Reads CIFAR-10 in its binary format, from a folder or the official archive.
 * A record is a label byte, then 1024 red, 1024 green and 1024 blue bytes, each plane 32 x 32 row-major. A file is a
 * list of records without a header.
 */

import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { unpackTar } from "modern-tar";
import {
  checkSplit,
  type DataSource,
  dataset,
  type ImageDataset,
  type ImageTask,
  type Split,
} from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import { fetchOnce } from "./download.ts";
import { unzipped } from "./gzip.ts";

const PLANE = 32 * 32;
const PIXELS = 3 * PLANE;
const RECORD = 1 + PIXELS;
const CLASSES = 10;
const ARCHIVE = "cifar-10-binary.tar.gz";
const FOLDER = "cifar-10-batches-bin";
const URL = `https://www.cs.toronto.edu/~kriz/${ARCHIVE}`;
const SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd";

const TRAIN_NAME = /^(data_batch_\d+|.*train.*)\.bin(\.gz)?$/;
const TEST_NAME = /^.*test.*\.bin(\.gz)?$/;

/** A file that may hold records, in a folder or inside the archive. */
interface RecordFile {
  readonly name: string;
  readonly where: string;
  bytes(): Promise<Uint8Array>;
}

const task: ImageTask = { kind: "images", shape: [32, 32, 3], classes: CLASSES };

/**
 * CIFAR-10. `dir` may hold the official .bin files, also inside cifar-10-batches-bin/, or the official .tar.gz, or any
 * files *train*.bin and *test*.bin; .bin files may be gzipped. Files of a split are joined in the order of their names.
 */
export const cifar10: DataSource<ImageDataset> = {
  name: "cifar10",
  description: "32x32 color photographs, 10 classes (50,000 + 10,000 images, 170 MB download)",
  task,
  load: async (options) => {
    const dir = options.dir ?? dirname(await fetchOnce(URL, SHA256, `cifar10/${ARCHIVE}`, options));
    const files = await recordFiles(dir);
    const [train, test] = [chooseFiles(files, TRAIN_NAME), chooseFiles(files, TEST_NAME)];
    if (train.length === 0 || test.length === 0) {
      throw expected(
        "cifar10",
        `training and test files (data_batch_1.bin and test_batch.bin, *train*.bin and *test*.bin, or ${ARCHIVE}) in ${dir}`,
        train.length > 0 ? "no test file" : test.length > 0 ? "no training file" : "none of them",
        "Put the files there, or leave --data-dir out to download them",
      );
    }
    return dataset(
      {
        name: "cifar10",
        shape: task.shape,
        classes: CLASSES,
        train: joinSplits(await Promise.all(train.map(readFileRecords))),
        test: joinSplits(await Promise.all(test.map(readFileRecords))),
      },
      options.limit,
    );
  },
};

/** Images and labels of one file of records; planes become channels-last. Throws on a broken length or label. */
export function readRecords(bytes: Uint8Array, where: string): Split {
  const count = bytes.length / RECORD;
  if (!Number.isInteger(count) || count === 0) {
    throw expected(
      where,
      `CIFAR-10 records of ${RECORD} bytes`,
      `${bytes.length} bytes`,
      "The file is damaged, cut short or not in the binary format; get it again",
    );
  }
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = bytes[i * RECORD];
    const from = i * RECORD + 1;
    for (let at = 0, to = i * PIXELS; at < PLANE; at++, to += 3) {
      images[to] = bytes[from + at];
      images[to + 1] = bytes[from + PLANE + at];
      images[to + 2] = bytes[from + 2 * PLANE + at];
    }
  }
  const split = { count, images, labels };
  checkSplit(split, PIXELS, CLASSES, where);
  return split;
}

async function readFileRecords(file: RecordFile): Promise<Split> {
  return readRecords(await unzipped(await file.bytes(), file.where), file.where);
}

/** The .bin files of `dir`, else of its folder cifar-10-batches-bin, else of the archive in it. */
async function recordFiles(dir: string): Promise<readonly RecordFile[]> {
  for (const folder of [dir, join(dir, FOLDER)]) {
    const names = (await readdir(folder).catch((): string[] => [])).filter((name) => /\.bin(\.gz)?$/.test(name));
    if (names.length > 0) {
      return names.map((name) => {
        const path = join(folder, name);
        return { name, where: path, bytes: () => readFile(path) };
      });
    }
  }
  const archive = join(dir, ARCHIVE);
  const packed = await readFile(archive).catch(() => undefined);
  return packed === undefined ? [] : unpack(packed, archive);
}

async function unpack(packed: Uint8Array, archive: string): Promise<readonly RecordFile[]> {
  try {
    const entries = await unpackTar(await unzipped(packed, archive), { strict: true });
    return entries.flatMap(({ header: { name }, data }) =>
      data === undefined ? [] : [{ name: basename(name), where: `${archive}:${name}`, bytes: async () => data }],
    );
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error);
    throw expected(archive, "a whole tar archive", got, "The file is damaged or cut short; get it again");
  }
}

/** The files whose name fits, sorted by name; of a file and its .gz, only the file. */
function chooseFiles(files: readonly RecordFile[], fits: RegExp): readonly RecordFile[] {
  const names = new Set(files.map((file) => file.name));
  return files
    .filter(({ name }) => fits.test(name) && !(name.endsWith(".gz") && names.has(name.slice(0, -3))))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function joinSplits(parts: readonly Split[]): Split {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    images.set(part.images, at * PIXELS);
    labels.set(part.labels, at);
    at += part.count;
  }
  return { count, images, labels };
}
