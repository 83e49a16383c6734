/** The data set "text": the characters of a file, or of generated sentences. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DataSource, LoadOptions, TextDataset } from "../../core/data/dataset.ts";
import { textDataset } from "../../core/data/text-dataset.ts";
import { expected } from "../../core/errors.ts";
import { makeSentences } from "./sentences.ts";

/** Number of characters that are generated, approximately. */
const MADE = 200_000;

/**
 * A text, of which the first nine tenths are for training and the rest for tests. With `dir`, it is a folder with one
 * .txt file, or with the file that `file` names, or a file itself; with `file` alone, that file; with neither,
 * sentences generated from `seed`.
 */
export const text: DataSource<TextDataset> = {
  name: "text",
  description: "the characters of a text file, or about 200,000 of sentences made on the spot",
  // of the generated sentences; a file has its own number
  task: { kind: "text", classes: 49 },
  load: async (options) => textDataset(await read(options), options.limit),
};

async function read({ dir, file, seed = 0 }: LoadOptions): Promise<string> {
  if (dir === undefined && file === undefined) return makeSentences(MADE, seed);
  const path = dir === undefined ? file! : await placeOf(dir, file);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const got = error.code === "ENOENT" ? "no such file" : error.code === "EISDIR" ? "a folder" : error.message;
    throw expected("text", `a readable file ${path}`, got, "Check data.file and --data-dir");
  });
  try {
    const content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (content !== "") return content;
  } catch {
    throw expected("text", `UTF-8 in ${path}`, "other bytes", "Save the file as UTF-8");
  }
  throw expected("text", `characters in ${path}`, "an empty file", "Name another file");
}

/** The path of the text file that `dir` and `file` stand for. */
async function placeOf(dir: string, file: string | undefined): Promise<string> {
  const present = await stat(dir).catch(() => undefined);
  if (present?.isFile()) return dir;
  if (file !== undefined) return join(dir, file);
  const found = present === undefined ? [] : (await readdir(dir)).filter((name) => name.endsWith(".txt")).sort();
  if (found.length === 1) return join(dir, found[0]);
  const got = present === undefined ? "no such folder" : found.length === 0 ? "none" : found.join(", ");
  throw expected("text", `one .txt file in ${dir}`, got, 'Name the file, as in { "name": "text", "file": "a.txt" }');
}
