import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { addonPath, nativeInstructionSets } from "./native.ts";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const module = JSON.stringify(new URL("native.ts", import.meta.url).href);

// the pool's threads once waited for a condition variable that the exit had destroyed
test.skipIf(nativeInstructionSets().length === 0)("a process whose threads are parked can exit", () => {
  const script = `
    import { nativeKernels } from ${module};
    const kernels = nativeKernels(3);
    const x = kernels.float32(100_000);
    kernels.scale(x, x.length, 2);
    setTimeout(() => process.exit(7), 50);
  `;
  const { status, signal } = spawnSync(process.execPath, ["--import", tsx, "--input-type=module", "-e", script], {
    timeout: 20_000,
  });
  expect([status, signal]).toEqual([7, null]);
});

test("TRISPARSE_ADDON names another addon", () => {
  const before = process.env.TRISPARSE_ADDON;
  try {
    process.env.TRISPARSE_ADDON = "/elsewhere/a.node";
    expect(addonPath()).toBe("/elsewhere/a.node");
    delete process.env.TRISPARSE_ADDON;
    expect(addonPath()).toMatch(/prebuilds[/\\]\w+-\w+\.node$/);
  } finally {
    if (before === undefined) delete process.env.TRISPARSE_ADDON;
    else process.env.TRISPARSE_ADDON = before;
  }
});
