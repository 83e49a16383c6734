/** Puts the WASM binaries beside the compiled adapter that loads them: tsc copies only what it compiles. */
import { copyFileSync } from "node:fs";
import { WASM_FILES } from "../src/core/backend/wasm.ts";

for (const file of Object.values(WASM_FILES)) {
  const inTree = (path: string): URL => new URL(`../${path}/core/backend/${file}`, import.meta.url);
  copyFileSync(inTree("src"), inTree("dist"));
}
