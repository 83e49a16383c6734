/** The folder where trisparse keeps files that it can make or fetch again. */
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The folder TRISPARSE_CACHE, else %LOCALAPPDATA%\\trisparse on Windows, else $XDG_CACHE_HOME/trisparse, else
 * ~/.cache/trisparse.
 */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  // An empty variable counts as unset, as the XDG rules say.
  if (env.TRISPARSE_CACHE) return env.TRISPARSE_CACHE;
  if (platform === "win32" && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, "trisparse");
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "trisparse");
}
