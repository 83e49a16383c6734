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
 * The path of a file that the package has at `path`, from its folder or its compiled or written modules. A file of the same
 * name beside this script comes first in a bundle, for whoever copies it there.
 */
export function packageFile(...candidates: readonly string[]): string {
  const root = packageRoot();
  const places = [...candidates.map((path) => join(root, path)), join(here, basename(candidates[0]))];
  return places.find((place) => existsSync(place)) ?? places[0];
}
