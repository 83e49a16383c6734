import type { Random } from "../random.ts";
import type { Device } from "../tensor/device.ts";
import { firstDevice } from "../tensor/first-device.ts";

/** The device on which a layer's parameters live, and the generator from which their first values are drawn. */
export interface InitOptions {
  /** Default: the first device that was opened in this thread. */
  readonly device?: Device | undefined;
  /** Default: the generator of the device. */
  readonly random?: Random | undefined;
}

/** The keys of `InitOptions`, for `requireOptions` of a layer that has more. */
export const INIT_KEYS = { device: true, random: true } as const;

export function deviceOf({ device }: InitOptions): Device {
  return device ?? firstDevice("new layer");
}

export function randomOf({ device, random }: InitOptions): Random {
  return random ?? deviceOf({ device }).random;
}
