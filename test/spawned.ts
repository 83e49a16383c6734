/** For tests: the command line as a process, in a folder. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function spawned(folder: string, ...args: readonly string[]): Ended {
  // what times decide is no matter for a test
  const env = { ...process.env, TRISPARSE_CACHE: join(folder, "cache"), TRISPARSE_ROUTE: "sparse" };
  return spawnSync(process.execPath, ["--import", tsx, main, ...args], { cwd: folder, env, encoding: "utf8" });
}
