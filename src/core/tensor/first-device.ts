import { expected } from "../errors.ts";
import type { Device } from "./device.ts";

let first: Device | null = null;

/**
 * Every `openDevice` passes its device through here: the first device of a thread is the default of layers and tensors.
 */
export function opened(device: Device): Device {
  first ??= device;
  return device;
}

/** The first device that was opened in this thread. Throws if there is none. */
export function firstDevice(where: string): Device {
  if (first === null)
    throw expected(where, "an opened device", "none", "Call `await openDevice()` first, or pass a device");
  return first;
}
