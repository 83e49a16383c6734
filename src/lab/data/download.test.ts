import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { TrisparseError } from "../../core/errors.ts";
import { cacheFolder } from "../../node/cache-folder.ts";
import { fetchOnce } from "./download.ts";
import { idxImages } from "./idx.ts";

const content = Buffer.from("sparse".repeat(5_000));
const sha256 = createHash("sha256").update(content).digest("hex");

let server: Server;
let base = "";
let offline = "";
let requests: string[] = [];
let cacheDir = "";

/** /whole sends the content, /unsized without its length, /cut stops halfway, anything else is missing. */
beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url!);
    if (request.url === "/whole/data.gz") {
      response.writeHead(200, { "content-length": content.length }).end(content);
    } else if (request.url === "/unsized/data.gz") {
      response.write(content);
      response.end();
    } else if (request.url === "/cut/data.gz") {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, content.length / 2), () => response.destroy());
    } else {
      response.writeHead(404).end("none");
    }
  });
  base = await listen(server);
  // A port that was free a moment ago: connections to it are refused.
  const closed = createServer();
  offline = await listen(closed);
  await new Promise((resolve) => closed.close(resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  requests = [];
  cacheDir = await mkdtemp(join(tmpdir(), "trisparse-cache-"));
});
afterEach(() => rm(cacheDir, { recursive: true }));

/** Starts a server on a free port of this machine; its address. */
async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

/** Every file below the cache folder. */
async function cached(): Promise<string[]> {
  const entries = await readdir(cacheDir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

test("a file is downloaded once, its progress told, and then reused without the network", async () => {
  const progress: { file: string; received: number; total: number | undefined }[] = [];
  const options = { cacheDir, onProgress: (p: (typeof progress)[number]) => progress.push(p) };
  const path = await fetchOnce(`${base}/whole/data.gz`, sha256, "set/data.gz", options);
  expect(path).toBe(join(cacheDir, "set", "data.gz"));
  expect(await readFile(path)).toEqual(content);
  expect(progress.at(-1)).toEqual({ file: "data.gz", received: content.length, total: content.length });
  expect(await fetchOnce(`${base}/whole/data.gz`, sha256, "set/data.gz", options)).toBe(path);
  expect(requests).toEqual(["/whole/data.gz"]);
  expect(await cached()).toEqual(["data.gz"]);
});

test("progress has no total when the server does not send the length", async () => {
  const totals = new Set<number | undefined>();
  const onProgress = (p: { total: number | undefined }) => totals.add(p.total);
  await fetchOnce(`${base}/unsized/data.gz`, sha256, "data.gz", { cacheDir, onProgress });
  expect([...totals]).toEqual([undefined]);
});

test("a file in the cache with another hash is downloaded again", async () => {
  await writeFile(join(cacheDir, "data.gz"), "old");
  const path = await fetchOnce(`${base}/whole/data.gz`, sha256, "data.gz", { cacheDir });
  expect(await readFile(path)).toEqual(content);
});

test("two downloads of one file at the same time do not disturb each other", async () => {
  const both = [1, 2].map(() => fetchOnce(`${base}/whole/data.gz`, sha256, "data.gz", { cacheDir }));
  const [path] = await Promise.all(both);
  expect(await readFile(path)).toEqual(content);
  expect(await cached()).toEqual(["data.gz"]);
});

test("content with a wrong hash is refused and leaves no file", async () => {
  const url = `${base}/whole/data.gz`;
  const wanted = "0".repeat(64);
  await expect(fetchOnce(url, wanted, "data.gz", { cacheDir })).rejects.toThrow(
    new TrisparseError(
      `data.gz: expected SHA-256 ${wanted}, got ${sha256}. The file at ${url} has changed or was damaged on its way; try again, or get it elsewhere and name its folder with --data-dir.`,
    ),
  );
  expect(await cached()).toEqual([]);
});

test("a download that stops halfway is refused and leaves no file", async () => {
  const url = `${base}/cut/data.gz`;
  await expect(fetchOnce(url, sha256, "data.gz", { cacheDir })).rejects.toThrow(
    `data.gz: expected a download from ${url}, got terminated (`,
  );
  expect(await cached()).toEqual([]);
});

test("a download that the program breaks off leaves no file", async () => {
  const onProgress = () => {
    throw new Error("stop");
  };
  await expect(fetchOnce(`${base}/whole/data.gz`, sha256, "data.gz", { cacheDir, onProgress })).rejects.toThrow("stop");
  expect(await cached()).toEqual([]);
});

test("a missing page is refused with its status", async () => {
  await expect(fetchOnce(`${base}/none/data.gz`, sha256, "data.gz", { cacheDir })).rejects.toThrow(
    `data.gz: expected a download from ${base}/none/data.gz, got HTTP 404 Not Found.`,
  );
});

test("without a network the error names the files, their place and where to put them", async () => {
  const together = ["mnist/data.gz", "mnist/labels.gz"];
  const folder = join(cacheDir, "mnist");
  await expect(fetchOnce(`${offline}/mnist/data.gz`, sha256, "mnist/data.gz", { cacheDir, together })).rejects.toThrow(
    new TrisparseError(
      `mnist/data.gz: expected a download from ${offline}/mnist/data.gz, got fetch failed (connect ECONNREFUSED ${new URL(offline).host}). Without a network, get data.gz, labels.gz from ${offline}/mnist/ on another machine and put them into ${folder}, or into any folder and name that with --data-dir.`,
    ),
  );
});

test("without a network a stale file in the cache is mentioned, and kept", async () => {
  await writeFile(join(cacheDir, "data.gz"), "old");
  const hash = createHash("sha256").update("old").digest("hex");
  await expect(fetchOnce(`${offline}/mnist/data.gz`, sha256, "data.gz", { cacheDir })).rejects.toThrow(
    `got fetch failed (connect ECONNREFUSED ${new URL(offline).host}), and a file with another SHA-256 (${hash}) in the cache.`,
  );
  expect(await cached()).toEqual(["data.gz"]);
});

test("an image set asks for its four files by their names and stops at the first that cannot be had", async () => {
  const place = { name: "tiny", description: "", classes: 2, url: `${base}/tiny/` } as const;
  const source = idxImages({ ...place, sha256: [sha256, sha256, sha256, sha256] });
  await expect(source.load({ cacheDir })).rejects.toThrow(
    `get train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz from ${base}/tiny/`,
  );
  expect(requests).toEqual(["/tiny/train-images-idx3-ubyte.gz"]);
});

test("the cache folder follows TRISPARSE_CACHE, then the system's custom; an empty variable counts as unset", () => {
  expect(cacheFolder({ TRISPARSE_CACHE: "/c", XDG_CACHE_HOME: "/x" }, "linux")).toBe("/c");
  expect(cacheFolder({ TRISPARSE_CACHE: "", XDG_CACHE_HOME: "/x" }, "linux")).toBe(join("/x", "trisparse"));
  expect(cacheFolder({ LOCALAPPDATA: "L", XDG_CACHE_HOME: "/x" }, "win32")).toBe(join("L", "trisparse"));
  expect(cacheFolder({ LOCALAPPDATA: "L" }, "linux")).toBe(join(homedir(), ".cache", "trisparse"));
});
