/** Threads of Node for the search of permutations. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Shared, Workers } from "../../core/sparse/permutation/judges.ts";

/** Duration of a search that is worth the start of threads. */
const LONG_NANOSECONDS = 1e8;

/** Workers for searches. `threads` is by default one for a short search, else the cores of this machine, at most 4. */
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
  // The search goes on without a worker that cannot start; without a listener its error would end the process.
  worker.on("error", () => {});
  worker.unref();
}

/**
 * A program that loads a TypeScript file in a thread: the loader of the caller, tsx or vitest, does not come with a
 * thread.
 */
function fromSource(file: URL): string {
  const tsx = import.meta.resolve("tsx/esm/api");
  return `import("${tsx}").then(({ register }) => { register(); return import("${file.href}"); });`;
}
