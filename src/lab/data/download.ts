/**
 * Fetches files from the web once, checks them, and keeps them in the user's cache folder. It knows no data set. A file
 * appears under its final name only whole and with the right hash, because it arrives under a temporary name first.
 */

import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { LoadOptions } from "../../core/data/dataset.ts";
import { expected, TrisparseError } from "../../core/errors.ts";
import { cacheFolder } from "../../node/cache-folder.ts";

/**
 * The load options that fetchOnce uses, and the names of all files of the set, which an error tells the user to get.
 */
export interface DownloadOptions extends Pick<LoadOptions, "cacheDir" | "fetch" | "onProgress"> {
  readonly together?: readonly string[] | undefined;
}

/**
 * Returns the path of `name` (relative, with "/") in the cache folder; the file is downloaded from `url` unless it is
 * there with this hash. `sha256` is hex. Throws if the server cannot be reached, answers anything but 200, stops early
 * or sends other content; nothing is left behind then.
 */
export async function fetchOnce(
  url: string,
  sha256: string,
  name: string,
  options: DownloadOptions = {},
): Promise<string> {
  const path = join(options.cacheDir ?? cacheFolder(), name);
  const present = await fileHash(path);
  if (present === sha256) return path;
  // Each attempt has a name of its own: two processes may download the same file at the same time.
  const part = `${path}.${randomUUID()}.part`;
  try {
    const received = await receive(url, part, name, options).catch((error: unknown) => {
      const stale = present === undefined ? "" : `, and a file with another SHA-256 (${present}) in the cache`;
      throw expected(name, `a download from ${url}`, reason(error) + stale, byHand(url, path, name, options));
    });
    if (received !== sha256) {
      const todo = `The file at ${url} has changed or was damaged on its way; try again, or get it elsewhere and name its folder with --data-dir`;
      throw expected(name, `SHA-256 ${sha256}`, received, todo);
    }
    await rename(part, path);
    return path;
  } finally {
    await rm(part, { force: true });
  }
}

/** Writes what `url` sends to `part`, and returns the SHA-256 (hex) of what arrived. */
async function receive(url: string, part: string, name: string, options: DownloadOptions): Promise<string> {
  const { fetch = globalThis.fetch, onProgress } = options;
  await mkdir(dirname(part), { recursive: true });
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    // An answer nobody reads would keep its connection open, and the process with it.
    await response.body?.cancel();
    throw new TrisparseError(`HTTP ${response.status} ${response.statusText}`);
  }
  const length = response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const hash = createHash("sha256");
  let received = 0;
  await using file = await open(part, "wx");
  for await (const chunk of response.body) {
    hash.update(chunk);
    await file.writeFile(chunk);
    received += chunk.length;
    onProgress?.({ file: basename(name), received, total });
  }
  return hash.digest("hex");
}

/** SHA-256 (hex) of a file; undefined if it cannot be read. */
async function fileHash(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch {
    return undefined;
  }
  return hash.digest("hex");
}

/** Advice for users without a network. */
function byHand(url: string, path: string, name: string, { together = [name] }: DownloadOptions): string {
  const files = together.map((file) => basename(file)).join(", ");
  const web = url.slice(0, url.lastIndexOf("/") + 1);
  return `Without a network, get ${files} from ${web} on another machine and put ${together.length === 1 ? "it" : "them"} into ${dirname(path)}, or into any folder and name that with --data-dir`;
}

/**
 * The reason of a failure. fetch says only "fetch failed" or "terminated"; what happened is in the cause, at times only
 * as its code.
 */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return `${error.message} (${cause.message || ("code" in cause ? String(cause.code) : cause.name)})`;
}
