/** ONNX Runtime's WASM provider, in Node. */
import { type OnnxRuntime, onnxPeer } from "./onnx.ts";
import { load, NOT_INSTALLED, type Open } from "./peer.ts";

export const openOnnxRuntimeWeb: Open = async () => {
  const ort = await load<OnnxRuntime>("onnxruntime-web");
  if (ort === undefined) return NOT_INSTALLED;
  ort.env.wasm.numThreads = 1;
  const peer = onnxPeer(ort, {
    name: "onnxruntime-web",
    runtime: "wasm",
    instructionSet: "simd128",
    threads: 1,
    provider: "wasm",
    // 1.30 leaves an output that the caller gives at zero
    ownOutput: false,
  });
  return {
    ...peer,
    product: async (...of) => {
      const variants = await peer.product(...of);
      // its first session leaves a global Worker; jax-js, if it is already at work, concludes from it that its memory
      // is shared
      Reflect.deleteProperty(globalThis, "Worker");
      return variants;
    },
  };
};
