/** Files of the package: beside its modules, or, where a bundler has moved these, in the package that is installed. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** The folder of the package: of this module as it was compiled or written, else of the one that is installed. */
export function packageRoot(): string {
  const own = join(here, "..", "..");
  if (existsSync(join(own, "package.json")) && existsSync(join(here, "..", "core", "backend"))) return own;
  try {
    return dirname(createRequire(import.meta.url).resolve("trisparse/package.json"));
  } catch {
    return own;
  }
}

/**
 * The path of a file: `own`, seen from this folder, where the modules lie as they were compiled or written; else `installed`,
 * in the package that is installed; else, for whoever copies it there, beside the script of a bundle.
 */
export function packageFile(own: string, installed: string): string {
  const places = [join(here, own), join(packageRoot(), installed), join(here, basename(own))];
  return places.find((place) => existsSync(place)) ?? places[1];
}
