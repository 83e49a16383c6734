/** Counts the threads that gain something: a core computes no faster on both of its hyperthreads than on one. */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/** The folder where Linux says which hyperthreads belong to one core. */
const CPUS = "/sys/devices/system/cpu";

/**
 * Number of physical cores that this process may use: on Linux those of the machine, elsewhere processors as the system
 * counts them; never more than `available`, which respects affinity.
 */
export function physicalCores(cpus: string = CPUS, available: number = availableParallelism()): number {
  const cores = new Set<string>();
  try {
    for (const name of readdirSync(cpus)) {
      if (!/^cpu\d+$/.test(name)) continue;
      const core = siblingsOf(join(cpus, name));
      if (core !== null) cores.add(core);
    }
  } catch {
    // not Linux, or a container that hides this
  }
  return Math.max(1, cores.size === 0 ? available : Math.min(cores.size, available));
}

/** The hyperthreads of a core, which identify it; null for a processor that is switched off, which has no topology. */
function siblingsOf(cpu: string): string | null {
  try {
    return readFileSync(join(cpu, "topology", "thread_siblings_list"), "utf8").trim();
  } catch {
    return null;
  }
}
