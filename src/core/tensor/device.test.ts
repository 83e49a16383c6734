import { expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Device } from "./device.ts";
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

test("steps within steps and asynchronous steps are refused", () => {
  const device = open();
  expect(() => device.step(() => device.step(() => 1))).toThrow("no step inside of a step");
  expect(() => device.step(async () => 1)).toThrow("a body that ends before it returns");
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

test("shapes and values must agree in number", () => {
  const device = open();
  expect(() => tensor(device, [2, 2], [1, 2, 3])).toThrow("tensor: expected 4 values for shape [2,2], got 3");
  expect(() => new Tensor(device, [3], new Float32Array(2))).toThrow("expected 3 values");
  expect(() => tensor(device, [2], [1, 2]).item()).toThrow("item: expected a tensor of one value");
  expect(new Parameter(device, [2]).needsGrad).toBe(true);
});
