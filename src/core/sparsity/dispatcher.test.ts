import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { timesFile } from "../../node/times-file.ts";
import { PRODUCTS, type Product } from "../backend/families/products.ts";
import { matrixGeometry } from "../backend/geometry.ts";
import { jsKernels } from "../backend/js.ts";
import type { Kernels } from "../backend/kernels.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Operand } from "./plan.ts";

const folder = mkdtempSync(join(tmpdir(), "trisparse-times-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let path = "";
let count = 0;
beforeEach(() => {
  path = join(folder, `${count++}.json`);
});

const geometry = matrixGeometry(8, 12, 16);
const pattern = parsePattern("2:4");

test("every product is timed, dense and by the sparse kernel", () => {
  const kernels = jsKernels();
  const dispatcher = new Dispatcher(kernels);
  const cases: [Product, Operand][] = [
    ...PRODUCTS.map((product): [Product, Operand] => [product, product === "weightGrad" ? "gradient" : "weight"]),
    ["forward", "activations"],
    ["inputGrad", "gradient"],
    ["weightGrad", "activations"],
  ];
  for (const [product, operand] of cases) {
    const before = kernels.multiplies();
    const { dense, sparse, sparseAndCopy, emulated } = dispatcher.times(product, operand, geometry, pattern);
    expect(Math.min(dense, sparse, sparseAndCopy, emulated)).toBeGreaterThan(0);
    const one = 8 * 12 * 16;
    const variants = product === "forward" && operand === "weight" ? 3 : 2.5;
    // a slow machine needs fewer rounds
    expect([3, 4, 5, 6]).toContain((kernels.multiplies() - before) / (one * variants));
  }
});

test("a fixed mask has times of its own", () => {
  const kernels = jsKernels();
  const dispatcher = new Dispatcher(kernels);
  const half = parsePattern("1:2");
  const counts = [0, 7, 7, 0].map((mask) => {
    const before = kernels.multiplies();
    dispatcher.times("weightGrad", "activations", geometry, half, mask);
    return kernels.multiplies() - before;
  });
  expect(counts.map((count) => count > 0)).toEqual([true, true, false, false]);
});

/** Multiply-adds that a question for the times of this geometry causes. */
function asked(kernels: Kernels, dispatcher: Dispatcher, rows = 8): number {
  const before = kernels.multiplies();
  dispatcher.times("forward", "weight", matrixGeometry(rows, 12, 16), pattern);
  return kernels.multiplies() - before;
}

test("times are remembered, by another process too, for the same geometry on the same kernels", () => {
  const kernels = jsKernels();
  const dispatcher = new Dispatcher(kernels, timesFile(kernels, path));
  expect(asked(kernels, dispatcher)).toBeGreaterThan(0);
  expect(asked(kernels, dispatcher)).toBe(0);
  const other = new Dispatcher(kernels, timesFile(kernels, path));
  expect(asked(kernels, other)).toBe(0);
  expect(asked(kernels, other, 4)).toBeGreaterThan(0);
  const threads = { ...kernels, threads: 3, multiplies: kernels.multiplies };
  expect(asked(threads, new Dispatcher(threads, timesFile(threads, path)))).toBeGreaterThan(0);
  expect(Object.keys(JSON.parse(readFileSync(path, "utf8")).times)).toHaveLength(3);
});

test("what two processes measure at once is kept of both", () => {
  const kernels = jsKernels();
  const [one, two] = [
    new Dispatcher(kernels, timesFile(kernels, path)),
    new Dispatcher(kernels, timesFile(kernels, path)),
  ];
  asked(kernels, one);
  asked(kernels, two);
  asked(kernels, one, 4);
  asked(kernels, two, 12);
  const fresh = new Dispatcher(kernels, timesFile(kernels, path));
  expect([8, 4, 12].map((rows) => asked(kernels, fresh, rows))).toEqual([0, 0, 0]);
});

test.each(["{", "[]", '{"format":2,"times":{"x":{"dense":-1}}}', '{"format":0}', '{"format":2,"times":null}'])(
  "a damaged file is measured anew and replaced: %s",
  (text) => {
    writeFileSync(path, text);
    const kernels = jsKernels();
    expect(asked(kernels, new Dispatcher(kernels, timesFile(kernels, path)))).toBeGreaterThan(0);
    expect(asked(kernels, new Dispatcher(kernels, timesFile(kernels, path)))).toBe(0);
  },
);

test("a place that cannot be written to costs the measurement and nothing else", () => {
  writeFileSync(path, "a file");
  const kernels = jsKernels();
  expect(asked(kernels, new Dispatcher(kernels, timesFile(kernels, join(path, "times.json"))))).toBeGreaterThan(0);
});
