import { expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Device } from "./device.ts";
import { precisionOf } from "./precision.ts";
import { Parameter, Tensor, tensor } from "./tensor.ts";

const open = (): Device => new Device(jsKernels());

test("a step's buffers are used again by the next step", () => {
  const device = open();
  const first = device.step(() => device.buffer(5));
  const second = device.step(() => device.buffer(5));
  expect(second).toBe(first);
  expect(device.buffer(5)).not.toBe(first);
});

test("a tensor read after its step is an error, not stale numbers", () => {
  const device = open();
  const y = device.step(() => tensor(device, [2], [1, 2]));
  expect(() => y.data).toThrow(
    "tensor [2]: expected to be read within the step that made it, got a step that has ended.",
  );
  expect(() => device.step(() => y.data)).toThrow("a step that has ended");
});

test("a tensor made outside of steps stays readable, and read() copies it", async () => {
  const device = open();
  const y = tensor(device, [2], [1, 2]);
  device.step(() => expect([...y.data]).toEqual([1, 2]));
  const copy = await y.read();
  y.data[0] = 9;
  expect([...copy]).toEqual([1, 2]);
});

test("buffers come back even when a step fails", () => {
  const device = open();
  let buffer: Float32Array | undefined;
  expect(() =>
    device.step(() => {
      buffer = device.buffer(3);
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(device.step(() => device.buffer(3))).toBe(buffer);
});

test("steps within steps and asynchronous steps are refused", async () => {
  const device = open();
  expect(() => device.step(() => device.step(() => 1))).toThrow("no step inside of a step");
  expect(() => device.step(async () => 1)).toThrow(
    "device.step: expected a body that ends before it returns, for the next step uses its buffers again, got an async body",
  );
  const one = tensor(device, [1], [1]);
  expect(() => device.step(() => one.item().then((value) => value + 1))).toThrow("Return `loss.item()` itself");
  // what is left of the body fails in silence: it would end the process
  const failing = async (): Promise<void> => {
    const y = tensor(device, [1], [1]);
    await null;
    y.data[0] = 2;
  };
  expect(() => device.step(failing)).toThrow("got an async body");
  await new Promise((resolve) => setTimeout(resolve));
});

test("what item() and read() queue within a step outlives it, and the next step does not change it", async () => {
  const device = open();
  const [item, values] = [1, 2].map((value) =>
    device.step(() => [tensor(device, [1], [value]).item(), tensor(device, [2], [value, 7]).read()] as const),
  )[0];
  const loss = device.step(() => tensor(device, [1], [3]).item());
  device.step(() => tensor(device, [1], [9]));
  expect(loss).toBeInstanceOf(Promise);
  expect([await item, [...(await values)], await loss]).toEqual([1, [1, 7], 3]);
});

test("item() and read() that come after the step say so", async () => {
  const device = open();
  const y = device.step(() => tensor(device, [1], [1]));
  await expect(y.item()).rejects.toThrow("expected to be read within the step that made it");
  await expect(y.read()).rejects.toThrow("or queue item() or read(), before device.step returns");
});

test("clocks add up the time of kernels and start anew when read", () => {
  const device = open();
  device.timed("pack", () => {
    const end = performance.now() + 2;
    while (performance.now() < end);
  });
  expect(device.readClocks().pack).toBeGreaterThanOrEqual(2);
  expect(device.readClocks().pack).toBe(0);
});

test("a device draws from its seed, computes in float32 and says what it runs", () => {
  const draws = (seed?: number): number[] => {
    const { random } = new Device(jsKernels(), { seed });
    return [random.bits(), random.bits()];
  };
  expect(draws()).toEqual(draws(0));
  expect(draws(1)).not.toEqual(draws(0));
  expect(open()).toMatchObject({ precision: "f32", why: "The kernels of js scalar, as they were given." });
  expect(() => precisionOf("openDevice", "bf16")).toThrow(
    'openDevice: expected the precision "f32", got "bf16". bf16 comes later; until then leave precision out.',
  );
  expect(() => precisionOf("recipe", "float32")).toThrow('got "float32". Leave precision out.');
});

test("one value is asked for of a tensor of one value", async () => {
  await expect(tensor(open(), [2], [1, 2]).item()).rejects.toThrow("item: expected a tensor of one value");
  expect(await tensor(open(), [1, 1], [5]).item()).toBe(5);
});

test("shapes and values must agree in number", () => {
  const device = open();
  expect(() => tensor(device, [2, 2], [1, 2, 3])).toThrow("tensor: expected 4 values for shape [2,2], got 3");
  expect(() => new Tensor(device, [3], new Float32Array(2))).toThrow("expected 3 values");
  expect(new Parameter(device, [2]).needsGrad).toBe(true);
});
