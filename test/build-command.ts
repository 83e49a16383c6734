/**
 * Before all tests: compiles the sources once, for the tests that start the command line. A process that compiles them for itself
 * takes five times as long to begin. The folder is laid out as the installed package is.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the compiled package. */
    readonly built: string;
  }
}

const root = fileURLToPath(new URL("../", import.meta.url));

export default async function buildCommand(project: TestProject): Promise<() => void> {
  const built = mkdtempSync(join(tmpdir(), "trisparse-built-"));
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  await build({
    ...{ absWorkingDir: root, outbase: "src", outdir: join(built, "dist"), logLevel: "warning" },
    ...{ format: "esm", platform: "node", target: "node20", bundle: true },
    entryPoints: names
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .map((name) => join("src", name)),
    plugins: [
      {
        name: "a file stays a file",
        setup: ({ onResolve }) => {
          onResolve({ filter: /./ }, ({ path, kind }) =>
            kind === "entry-point" ? undefined : { path: path.replace(/^(\..*)\.ts$/, "$1.js"), external: true },
          );
        },
      },
    ],
  });
  for (const name of names.filter((name) => name.endsWith(".wasm"))) {
    copyFileSync(join(root, "src", name), join(built, "dist", name));
  }
  copyFileSync(join(root, "package.json"), join(built, "package.json"));
  for (const folder of ["node_modules", "prebuilds", "recipes"]) {
    mkdirSync(join(root, folder), { recursive: true });
    symlinkSync(join(root, folder), join(built, folder), "junction");
  }
  project.provide("built", built);
  return () => rmSync(built, { recursive: true, force: true });
}
