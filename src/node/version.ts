/** The version of the package. Every layer may import it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "./package-files.ts";

const path = join(packageRoot(), "package.json");

/** "bundled" in a bundle that is far from its package. */
export const version: string = existsSync(path)
  ? (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version
  : "bundled";
