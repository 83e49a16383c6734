/**
 * Compiles the N-API addon to prebuilds/<platform>-<arch>.node with the machine's C++ compiler. Downloads nothing: the
 * N-API headers come from the node-api-headers package. With --optional a missing compiler is not an error: trisparse
 * then runs on WASM and says so.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const optional = process.argv.includes("--optional");
const compiler =
  process.env.CXX ?? ["g++", "clang++", "c++"].find((name) => spawnSync(name, ["--version"]).status === 0);
if (compiler === undefined || spawnSync(compiler, ["--version"]).status !== 0) {
  const message = `build:native: expected a C++ compiler (g++ or clang++), got ${compiler ?? "none"}. Install one for native speed`;
  console.log(`${message}; trisparse runs on WASM without it.`);
  process.exit(optional ? 0 : 1);
}

const headers = createRequire(import.meta.url)("node-api-headers") as { include_dir: string };
const flags = ["-std=c++17", "-O3", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-math-errno", "-fno-trapping-math"];
const warnings = [
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wno-psabi",
  "-Wno-unused-function",
  "-Wno-unknown-pragmas",
  "-Wno-maybe-uninitialized",
];
const instructionSets: Record<string, string[]> =
  process.arch === "x64"
    ? {
        "isa-avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
        "isa-avx2": ["-mavx2", "-mfma"],
        "isa-baseline": [],
      }
    : { "isa-baseline": [] };
const units: Record<string, string[]> = { ...instructionSets, pool: ["-fexceptions"], napi: [] };

const build = join(root, "native", "build");
mkdirSync(build, { recursive: true });
mkdirSync(join(root, "prebuilds"), { recursive: true });
const run = promisify(execFile);
const objects = await Promise.all(
  Object.entries(units).map(async ([unit, extra]) => {
    const object = join(build, `${unit}.o`);
    const source = join(root, "native", `${unit}.cc`);
    await run(compiler, [
      ...flags,
      ...warnings,
      ...extra,
      "-I",
      headers.include_dir,
      "-I",
      join(root, "native"),
      "-c",
      source,
      "-o",
      object,
    ]);
    return object;
  }),
);
const target = join(root, "prebuilds", `${process.platform}-${process.arch}.node`);
const link = process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : ["-static-libstdc++", "-static-libgcc"];
await run(compiler, ["-shared", ...objects, "-o", `${target}.new`, "-pthread", ...link]);
renameSync(`${target}.new`, target);
console.log(`built prebuilds/${process.platform}-${process.arch}.node with ${compiler}`);
