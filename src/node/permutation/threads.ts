/** Threads of Node for the search of permutations. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Shared, Workers } from "../../core/sparse/permutation/judges.ts";

/** What a search must take for a thread to be worth its start. */
const LONG_NANOSECONDS = 1e8;

/** threads: by default one for a short search, else the cores of this machine, at most 4. */
export function permutationWorkers(threads?: number): Workers {
  return {
    threadsFor: (nanoseconds) => threads ?? (nanoseconds < LONG_NANOSECONDS ? 1 : Math.min(4, availableParallelism())),
    start: startWorker,
  };
}

function startWorker(shared: Shared): void {
  const built = import.meta.url.endsWith(".js");
  const file = new URL(`./worker.${built ? "js" : "ts"}`, import.meta.url);
  const worker = built
    ? new Worker(file, { workerData: shared })
    : new Worker(fromSource(file), { workerData: shared, eval: true });
  // The search goes on without a worker that cannot start; unheard, its error would end the process.
  worker.on("error", () => {});
  worker.unref();
}

/** What reads TypeScript does not come with a thread, whoever has brought it into the caller: tsx or vitest. */
function fromSource(file: URL): string {
  const tsx = import.meta.resolve("tsx/esm/api");
  return `import("${tsx}").then(({ register }) => { register(); return import("${file.href}"); });`;
}
