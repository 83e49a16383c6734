/**
 * The IDX format of MNIST and its kin, and sources made of four such files.
 * Layout: 0, 0, type, number of dimensions d, then d big-endian uint32 sizes, then the values row-major.
 * Only type 0x08 (unsigned byte) is read; the other types do not occur in image sets.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DataSource, dataset, type ImageDataset, type LoadOptions, type Split } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import { fetchOnce } from "./download.ts";
import { unzipped } from "./gzip.ts";

/** The content of an IDX file: `data` has the shape [...dims], row-major. */
export interface Idx {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** The four file names of an IDX image set, without .gz. */
const FILES = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
] as const;

/** An MNIST-like set: its name, the place of its four gzipped files, and their hashes in the order of FILES. */
export interface IdxPlace {
  readonly name: string;
  readonly description: string;
  readonly classes: number;
  /** Folder on the web; it ends in "/". */
  readonly url: string;
  readonly sha256: readonly [trainImages: string, trainLabels: string, testImages: string, testLabels: string];
}

/**
 * Reads an IDX file of unsigned bytes. `where` names the file in errors. Throws unless magic, type and length are all
 * right.
 */
export function readIdx(bytes: Uint8Array, where: string): Idx {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    const start = bytes.length === 0 ? "an empty file" : `the bytes ${[...bytes.subarray(0, 4)].join(" ")}`;
    throw expected(where, "an IDX file (its first bytes are 0 0)", start, "Use the MNIST-style ubyte files");
  }
  const [type, rank] = [bytes[2], bytes[3]];
  if (type !== 0x08) {
    throw expected(where, "IDX type 8 (unsigned byte)", `type ${type}`, "Convert the values to unsigned bytes");
  }
  const header = 4 + 4 * rank;
  if (rank === 0 || bytes.length < header) {
    const got = rank === 0 ? "0 dimensions" : `a file of ${bytes.length} bytes for ${rank} dimensions`;
    throw expected(where, "an IDX header with at least one dimension", got, "The file is damaged; get it again");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const length = header + dims.reduce((product, dim) => product * dim, 1);
  if (bytes.length !== length) {
    throw expected(
      where,
      `${length} bytes for dimensions ${dims.join(" x ")}`,
      `${bytes.length} bytes`,
      "The file is damaged or cut short; get it again",
    );
  }
  // Not bytes.subarray: for a Buffer it gives a Buffer, whose slice shares memory where that of a Uint8Array copies.
  return { dims, data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, bytes.byteLength - header) };
}

/**
 * Makes a source from four IDX files. With `dir`, each may be gzipped or not and spelled `-idx3-ubyte` or
 * `.idx3-ubyte`; without it, they are downloaded once into <cache>/<name>.
 */
export function idxImages(place: IdxPlace): DataSource<ImageDataset> {
  return {
    name: place.name,
    description: place.description,
    task: { kind: "images", shape: [28, 28, 1], classes: place.classes },
    load: async (options) => {
      const paths =
        options.dir === undefined ? await download(place, options) : await findFiles(place.name, options.dir);
      return readImages(place, paths, options);
    },
  };
}

/**
 * The paths of the four files in the cache, in the order of FILES. They are downloaded one after the other, so that
 * progress stays readable.
 */
async function download(place: IdxPlace, options: LoadOptions): Promise<string[]> {
  const names = FILES.map((file) => `${place.name}/${file}.gz`);
  const paths: string[] = [];
  for (const [i, name] of names.entries()) {
    paths.push(await fetchOnce(`${place.url}${FILES[i]}.gz`, place.sha256[i], name, { ...options, together: names }));
  }
  return paths;
}

/**
 * The paths of the four files in `dir`, in the order of FILES; unzipped ones take precedence. Throws with the names of
 * all that are missing.
 */
async function findFiles(where: string, dir: string): Promise<string[]> {
  const present = new Set(await readdir(dir).catch(() => undefined));
  const found = FILES.map((file) =>
    [file, `${file}.gz`, dotted(file), `${dotted(file)}.gz`].find((name) => present.has(name)),
  );
  const missing = FILES.filter((_, i) => found[i] === undefined);
  if (missing.length > 0) {
    throw expected(
      where,
      `${FILES.join(", ")} in ${dir}`,
      missing.length === FILES.length ? "none of them" : `no ${missing.join(", no ")}`,
      "Put the files there, gzipped (.gz) or not, or leave --data-dir out to download them",
    );
  }
  return found.map((name) => join(dir, name!));
}

/** The other spelling in use: train-images.idx3-ubyte. */
function dotted(file: string): string {
  return file.replace("-idx", ".idx");
}

async function readImages(place: IdxPlace, paths: readonly string[], options: LoadOptions): Promise<ImageDataset> {
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(paths.map(readFileIdx));
  const [, height, width] = dimensions(trainImages, 3, paths[0]);
  const [, testHeight, testWidth] = dimensions(testImages, 3, paths[2]);
  if (testHeight !== height || testWidth !== width) {
    throw expected(
      paths[2],
      `images of ${height} x ${width} as in ${paths[0]}`,
      `${testHeight} x ${testWidth}`,
      "Use the training and test files of one data set",
    );
  }
  dimensions(trainLabels, 1, paths[1]);
  dimensions(testLabels, 1, paths[3]);
  return dataset(
    {
      name: place.name,
      shape: [height, width, 1],
      classes: place.classes,
      train: split(trainImages, trainLabels),
      test: split(testImages, testLabels),
    },
    options.limit,
  );
}

async function readFileIdx(path: string): Promise<Idx> {
  return readIdx(await unzipped(await readFile(path), path), path);
}

function dimensions(idx: Idx, rank: number, where: string): readonly number[] {
  if (idx.dims.length !== rank) {
    throw expected(
      where,
      rank === 3 ? "images: 3 dimensions" : "labels: 1 dimension",
      idx.dims.join(" x "),
      "Check that image and label files are not swapped",
    );
  }
  return idx.dims;
}

function split(images: Idx, labels: Idx): Split {
  return { count: images.dims[0], images: images.data, labels: labels.data };
}
