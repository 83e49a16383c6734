/** Reads files that may be gzipped, which their first two bytes tell, never their name. */

import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { expected } from "../../core/errors.ts";

const inflate = promisify(gunzip);

/** The content of a gzipped file, or the bytes themselves if they are not gzipped. Throws if the gzip is damaged. */
export async function unzipped(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await inflate(bytes);
  } catch (error) {
    throw expected(where, "a whole gzip file", reason(error), "The file is damaged or cut short; get it again");
  }
}

/** The message of a caught value, for the `got` part of an error. */
function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
