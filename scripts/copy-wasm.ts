/** Puts the WASM binary beside the compiled adapter that loads it: tsc copies only what it compiles. */
import { copyFileSync } from "node:fs";

const inTree = (path: string): URL => new URL(`../${path}/kernels/trisparse.wasm`, import.meta.url);
copyFileSync(inTree("src"), inTree("dist"));
