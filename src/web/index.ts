/** trisparse in a page or a worker: the core, and devices of WASM or plain JavaScript. */
export * from "../core/index.ts";
export { BACKENDS, type Backend, type OpenOptions, openDevice } from "./open-device.ts";
