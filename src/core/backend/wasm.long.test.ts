/** Compiles both modules, which takes a minute of processor time each; wasm.test.ts compares what they say of their sources. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildWasm } from "../../../scripts/build-wasm.ts";
import { WASM_FILES, WASM_INSTRUCTION_SETS } from "./wasm.ts";

test.each(WASM_INSTRUCTION_SETS)("the %s binary in the tree is what the sources give", async (set) => {
  const kept = readFileSync(new URL(`./${WASM_FILES[set]}`, import.meta.url));
  expect(kept.equals(await buildWasm(set))).toBe(true);
});
