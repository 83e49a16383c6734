/**
 * Compiles the N-API addon to prebuilds/<platform>-<arch>.node with the machine's C++ compiler. Downloads nothing: the
 * N-API headers come from the node-api-headers package. With --optional a missing compiler is not an error: trisparse
 * then runs on WASM and says so. With --sanitize the sanitizers watch over it (scripts/test-sanitized.ts).
 * TRISPARSE_ADDON: another place for it.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { addonPath } from "../src/node/native.ts";

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
const sanitize = process.argv.includes("--sanitize")
  ? ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g"]
  : [];
const optimize = sanitize.length > 0 ? "-O1" : "-O3";
const flags = [
  ...sanitize,
  "-std=c++17",
  optimize,
  "-fPIC",
  "-fno-exceptions",
  "-fno-rtti",
  "-fno-math-errno",
  "-fno-trapping-math",
];
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

const target = addonPath();
// objects with sanitizers must not take the place of others
const build = sanitize.length > 0 ? dirname(target) : join(root, "native", "build");
mkdirSync(build, { recursive: true });
mkdirSync(dirname(target), { recursive: true });
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
const link = process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : ["-static-libstdc++", "-static-libgcc"];
await run(compiler, ["-shared", ...sanitize, ...objects, "-o", `${target}.new`, "-pthread", ...link]);
renameSync(`${target}.new`, target);
console.log(`built ${relative(root, target)} with ${compiler}`);
