/** trisparse in Node: core, and a device of native kernels, WASM or plain JavaScript. */
export * from "../core/index.ts";
export { BACKENDS, type Backend, type OpenOptions, openDevice, openDeviceSync } from "./open-device.ts";
