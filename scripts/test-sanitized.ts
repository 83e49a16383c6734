/**
 * Runs the kernels' conformance suite on an addon built with the address and undefined-behavior sanitizers, on every
 * instruction set of this machine. Arrays then end where their memory ends, so that a read beyond an end is found too.
 *
 *   npx tsx scripts/test-sanitized.ts      needs g++ with libasan and libubsan; takes some minutes
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { addonPath } from "../src/node/native.ts";

const compiler = process.env.CXX ?? "g++";
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "trisparse-sanitized-"));
process.env.TRISPARSE_ADDON = join(folder, "sanitized.node");
try {
  execFileSync("npx", ["tsx", "scripts/build-native.ts", "--sanitize"], { cwd: root, stdio: "inherit" });
  const library = (name: string): string =>
    execFileSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
  const { status } = spawnSync("npx", ["vitest", "run", "src/core/backend/conformance.test.ts", "-t", "native"], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      // before everything else: node itself is not built with them
      LD_PRELOAD: `${library("libasan.so")} ${library("libubsan.so")}`,
      // node and V8 leak by design, and V8 reserves more memory than a sanitizer finds plausible
      ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
      TRISPARSE_TEST_TIGHT: "1",
    },
  });
  console.log(`sanitized: ${addonPath()}`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
