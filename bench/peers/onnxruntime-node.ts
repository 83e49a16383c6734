/** ONNX Runtime's native CPU provider. */
import { type OnnxRuntime, onnxPeer } from "./onnx.ts";
import { load, NOT_INSTALLED, type Open } from "./peer.ts";

export const openOnnxRuntimeNode: Open = async (threads) => {
  const ort = await load<OnnxRuntime>("onnxruntime-node");
  if (ort === undefined) return NOT_INSTALLED;
  return onnxPeer(ort, {
    name: "onnxruntime-node",
    runtime: "native",
    instructionSet: "not reported",
    threads,
    provider: "cpu",
    ownOutput: true,
  });
};
