/** A file of the user's cache folder that keeps measured times between processes. */
import { statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Kernels } from "../core/backend/kernels.ts";
import type { TimesStore } from "../core/sparsity/dispatcher.ts";
import type { ProductTimes } from "../core/sparsity/plan.ts";
import { cacheFolder } from "./cache-folder.ts";
import { readFile, writeFileAtomically } from "./files.ts";
import { addonPath } from "./native.ts";
import { version } from "./version.ts";

const FORMAT = 4;

/**
 * The times of these kernels on this machine, in a file that holds those of several. Its path is by default in the
 * cache folder.
 */
export function timesFile(kernels: Kernels, path: string = join(cacheFolder(), "times.json")): TimesStore {
  const { backend, instructionSet, threads } = kernels;
  const processors = cpus();
  const cpu = `${processors[0]?.model.trim() ?? "unknown"} x${processors.length}`;
  // an addon that was built again may be faster or slower
  const build = backend === "native" ? statSync(addonPath()).mtimeMs : 0;
  const place = `${[version, build, cpu, backend, instructionSet, `${threads} threads`].join(" | ")} | `;
  return {
    load() {
      const here = [...read(path)].filter(([key]) => key.startsWith(place));
      return new Map(here.map(([key, times]) => [key.slice(place.length), times]));
    },
    save(times) {
      // times that another process has measured meanwhile are kept
      const all = read(path);
      for (const [key, value] of times) all.set(place + key, value);
      try {
        writeFileAtomically(path, `${JSON.stringify({ format: FORMAT, times: Object.fromEntries(all) }, null, 1)}\n`);
      } catch {
        // with a folder that cannot be written to, each start costs a second, and nothing else is lost
      }
    },
  };
}

function read(path: string): Map<string, ProductTimes> {
  try {
    const file = JSON.parse(new TextDecoder().decode(readFile("times", path))) as Record<string, unknown>;
    if (file.format !== FORMAT || typeof file.times !== "object" || file.times === null) return new Map();
    return new Map(Object.entries(file.times as Record<string, ProductTimes>).filter(([, times]) => areTimes(times)));
  } catch {
    // there is no file yet, or it is damaged: times are measured again
    return new Map();
  }
}

function areTimes(times: unknown): boolean {
  const { dense, sparse, sparseAndCopy, emulated } = (times ?? {}) as Partial<ProductTimes>;
  return [dense, sparse, sparseAndCopy, emulated].every((ms) => typeof ms === "number" && ms > 0);
}
