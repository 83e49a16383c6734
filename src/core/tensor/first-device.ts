import { expected } from "../errors.ts";
import type { Device } from "./device.ts";

let first: Device | null = null;

/** What every `openDevice` passes its device through: the first one of a thread is where things live by default. */
export function opened(device: Device): Device {
  first ??= device;
  return device;
}

/** The first device that was opened in this thread. Throws where there is none. */
export function firstDevice(where: string): Device {
  if (first === null)
    throw expected(where, "an opened device", "none", "Call `await openDevice()` first, or pass a device");
  return first;
}
