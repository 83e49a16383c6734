import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { physicalCores } from "./physical-cores.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder as Linux shows processors: of each the list of its siblings, null where it is switched off. */
function processors(siblings: readonly (string | null)[]): string {
  const folder = mkdtempSync(join(tmpdir(), "processors-"));
  folders.push(folder);
  // what else lies there
  for (const other of ["cpufreq", "cpuidle"]) mkdirSync(join(folder, other));
  writeFileSync(join(folder, "online"), "0-3\n");
  siblings.forEach((list, i) => {
    const cpu = join(folder, `cpu${i}`);
    mkdirSync(cpu);
    if (list === null) return;
    mkdirSync(join(cpu, "topology"));
    writeFileSync(join(cpu, "topology", "thread_siblings_list"), `${list}\n`);
  });
  return folder;
}

describe("physical cores", () => {
  test("count the hyperthreads of a core once, however the machine numbers them", () => {
    expect(physicalCores(processors(["0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"]), 8)).toBe(4);
    expect(physicalCores(processors(["0-1", "0-1", "2-3", "2-3"]), 4)).toBe(2);
    expect(physicalCores(processors(["0", "1", "2", "3"]), 4)).toBe(4);
  });

  test("are no more than this process may use", () => {
    expect(physicalCores(processors(Array.from({ length: 96 }, (_, i) => `${i}`)), 2)).toBe(2);
  });

  test("leave out processors that are switched off", () => {
    expect(physicalCores(processors(["0", "1", null, null]), 4)).toBe(2);
  });

  test("are the processors that the system counts where it shows no topology", () => {
    expect(physicalCores(join(tmpdir(), "no such folder"), 6)).toBe(6);
    expect(physicalCores(processors([null, null]), 2)).toBe(2);
  });
});
