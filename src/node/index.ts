/** trisparse in Node: the core, and devices of native kernels, WASM or plain JavaScript. */
export * from "../core/index.ts";
export { BACKENDS, type Backend, type OpenOptions, openDevice, openDeviceSync } from "./open-device.ts";
