import { beforeEach, describe, expect, test, vi } from "vitest";

/** As in a thread that has opened nothing: the first device is a thread's, and other tests may have opened one. */
beforeEach(() => vi.resetModules());
const fresh = async () => ({
  ...(await import("../../node/open-device.ts")),
  ...(await import("../random.ts")),
  ...(await import("../tensor/tensor.ts")),
  ...(await import("./dropout.ts")),
  ...(await import("./linear.ts")),
  ...(await import("./models/mlp.ts")),
});

describe("layers and tensors that are not told where", () => {
  test("are of the first device that was opened, and draw from its generator", async () => {
    const { Dropout, Linear, mlp, openDevice, Random, tensor } = await fresh();
    const device = await openDevice({ backend: "js", seed: 7 });
    await openDevice({ backend: "js" });
    const layer = new Linear(3, 4);
    expect(layer.weight.device).toBe(device);
    expect(layer.weight.data).toEqual(new Linear(3, 4, { device, random: new Random(7) }).weight.data);
    expect(tensor([2], [1, 2]).device).toBe(device);
    // the generator has moved on
    expect(mlp([3, 4]).parameters()[0].data).not.toEqual(layer.weight.data);
    const random = new Random(1);
    expect(new Dropout(0.5, { random }).draw.data[0]).toBe(new Random(1).bits());
  });

  test("ask for one where none was opened", async () => {
    const { Dropout, Linear, openDevice, Random, tensor } = await fresh();
    expect(() => new Linear(3, 4)).toThrow(
      "new layer: expected an opened device, got none. Call `await openDevice()` first, or pass a device.",
    );
    expect(() => tensor([1], [1])).toThrow("tensor: expected an opened device, got none.");
    // its draws alone need none
    expect(new Dropout(0.5, { random: new Random(1) }).probability).toBe(0.5);
    await expect(openDevice({ backend: "cuda" as "js" })).rejects.toThrow("openDevice: expected a backend");
    expect(() => new Linear(3, 4)).toThrow("expected an opened device");
  });
});
