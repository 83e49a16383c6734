/** `compare --serve`: the report of runs that are training, for browsers on this machine alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { reportPage, waitingPage } from "../lab/report/page/page.ts";
import type { Live } from "../lab/report/page/shell.ts";
import { summarize } from "../lab/report/page/summary.ts";
import { readRuns } from "../lab/runs/read-run.ts";
import { usageError } from "./usage.ts";

/** Milliseconds from one writing of records to disk to the next while a page is watched. */
export const FLUSH_MS = 2000;
/**
 * The page is made again after this many milliseconds at the earliest, and in at most this share of the time, because
 * training has to wait for it.
 */
const LEAST_AGE_MS = 2000;
const SHARE = 0.05;
/** Milliseconds that the end waits for a browser that has asked lately to see it. */
const LAST_LOOK_MS = 8000;

export class LivePage {
  readonly #folder: string;
  readonly #server: Server;
  #page = "";
  #madeAt = Number.NEGATIVE_INFINITY;
  #madeIn = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #ended = false;
  #seen: () => void = () => {};

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Listens on 127.0.0.1; port 0 stands for any free one. */
  static async open(folder: string, port: number): Promise<LivePage> {
    const live = new LivePage(folder);
    await new Promise<void>((resolve, reject) => {
      live.#server.once("error", (error: NodeJS.ErrnoException) => {
        const got = error.code === "EADDRINUSE" ? `${port}, which is taken` : error.message;
        reject(usageError("--serve", "a port that is free", got, "Name another, or none for any"));
      });
      live.#server.listen(port, "127.0.0.1", resolve);
    });
    return live;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  #answer({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    // another site whose name is made to point here must not be able to read the page
    const host = headers.host?.replace(/:\d+$/, "");
    const known = host === "127.0.0.1" || host === "localhost";
    if (!known || url !== "/" || (method !== "GET" && method !== "HEAD")) {
      response.writeHead(known && url === "/" ? 405 : 404, { "content-type": "text/plain" }).end("Only / is here.\n");
      return;
    }
    const page = this.#current();
    const ended = this.#ended;
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
    response.end(method === "HEAD" ? undefined : page, () => {
      this.#askedAt = performance.now();
      if (ended) this.#seen();
    });
  }

  #current(): string {
    const begin = performance.now();
    if (begin - this.#madeAt < Math.max(LEAST_AGE_MS, this.#madeIn / SHARE)) return this.#page;
    this.#page = this.#make();
    this.#madeAt = performance.now();
    this.#madeIn = this.#madeAt - begin;
    return this.#page;
  }

  #make(): string {
    const live: Live = { state: this.#ended ? "ended" : "training" };
    try {
      return reportPage(summarize(readRuns([this.#folder])), live);
    } catch (error) {
      // usually no step has been taken yet; whatever the error is, it must not end the training
      return waitingPage((error as Error).message, live);
    }
  }

  /** Shows the end to browsers that have asked lately, and then closes the server. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#madeAt = Number.NEGATIVE_INFINITY;
    if (performance.now() - this.#askedAt < LAST_LOOK_MS) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LAST_LOOK_MS);
        this.#seen = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
