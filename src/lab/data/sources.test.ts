import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { ImageDataset, LoadOptions } from "../../core/data/dataset.ts";
import { TrisparseError } from "../../core/errors.ts";
import { loadData, sources } from "./sources.ts";

const shared = process.env.TRISPARSE_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const images = join(shared, "images");
const absent = !existsSync(images);

async function loadImages(name: string, options: LoadOptions): Promise<ImageDataset> {
  const data = await loadData(name, options);
  if (data.kind !== "images") throw new Error(`${name} is no set of images`);
  return data;
}

const names = Object.keys(sources);

test("every source goes by its own name", () => {
  expect(names.length).toBeGreaterThan(5);
  for (const [name, source] of Object.entries(sources)) expect(source.name).toBe(name);
});

test("a source loads by name", async () => {
  const data = await loadImages("digits", { limit: { train: 10, test: 10 } });
  expect(data.train.count).toBe(10);
});

test("an unknown name is answered with the nearest known one", async () => {
  await expect(loadData("mnits")).rejects.toThrow(
    new TrisparseError(`data: expected one of ${names.join(", ")}, got "mnits". Perhaps you mean "mnist".`),
  );
  await expect(loadData("constructor")).rejects.toThrow(
    new TrisparseError(`data: expected one of ${names.join(", ")}, got "constructor". Choose one of these.`),
  );
});

test.skipIf(absent)("MNIST has its published size, mean and std (needs the data in TRISPARSE_DATA)", async () => {
  const { train, test, shape, mean, std } = await loadImages("mnist", { dir: join(images, "mnist") });
  expect([train.count, test.count, ...shape]).toEqual([60_000, 10_000, 28, 28, 1]);
  expect([...train.labels.subarray(0, 8)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
  expect(mean[0]).toBeCloseTo(0.1307, 4);
  expect(std[0]).toBeCloseTo(0.3081, 4);
});

test.skipIf(absent)(
  "Fashion-MNIST has its published size, mean and std (needs the data in TRISPARSE_DATA)",
  async () => {
    const { train, test, mean, std } = await loadImages("fashion-mnist", { dir: join(images, "fashion-mnist") });
    expect([train.count, test.count]).toEqual([60_000, 10_000]);
    expect(mean[0]).toBeCloseTo(0.286, 4);
    expect(std[0]).toBeCloseTo(0.353, 4);
  },
);

test.skipIf(absent)(
  "a part of CIFAR-10 has about the published statistics (needs the data in TRISPARSE_DATA)",
  async () => {
    const { train, test, mean, std } = await loadImages("cifar10", { dir: join(images, "cifar10") });
    expect([train.count, test.count]).toEqual([14_000, 1_000]);
    expect([...test.labels.subarray(0, 8)]).toEqual([3, 8, 8, 0, 6, 6, 1, 6]);
    // Published over all 50,000: mean 0.4914, 0.4822, 0.4465, std 0.247, 0.2435, 0.2616.
    for (const [i, value] of [0.4914, 0.4822, 0.4465].entries()) expect(Math.abs(mean[i] - value)).toBeLessThan(0.005);
    for (const [i, value] of [0.247, 0.2435, 0.2616].entries()) expect(Math.abs(std[i] - value)).toBeLessThan(0.005);
  },
);
