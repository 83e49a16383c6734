/**
 * Files of models: safetensors with PyTorch's names and layouts, which `load_state_dict` takes as they are. What version
 * 0.1 wrote is read too.
 */
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { loadState, type SavedState, type State, stateOf } from "../nn/state.ts";
import type { Shape } from "../tensor/tensor.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { isVersion1, stateOfVersion1 } from "./version-1.ts";

/** Of names and layouts, in the metadata of files that we write; files of others have none. */
export const FORMAT_VERSION = "2";

/** The bytes of a file with this state. */
export function encodeModel(state: State, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  return encodeSafetensors(state, { ...metadata, format: "pt", trisparse_format: FORMAT_VERSION });
}

/** The bytes of a file with a model's weights and running statistics, and text beside them. */
export function saveModel(model: Module, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  return encodeModel(stateOf(model), metadata);
}

export interface LoadModelOptions {
  /** Names the file in errors. */
  readonly where?: string | undefined;
  /** Of one input, without the batch. A file of 0.1 needs it where the model flattens images. */
  readonly inputShape?: Shape | undefined;
}

/**
 * Reads a file that `saveModel`, a run or PyTorch wrote into a model of the same layers. Throws, changing nothing, where a
 * name or a shape is not the model's.
 */
export function loadModel(model: Module, bytes: Uint8Array, options: LoadModelOptions = {}): void {
  const { where = "load model", inputShape } = options;
  loadState(model, decodeModel(bytes, where, () => ({ model, inputShape })).state, where);
}

/** A state and the text beside it. ofVersion1: the model and its input, asked for where the file is one of 0.1. */
export function decodeModel(
  bytes: Uint8Array,
  where: string,
  ofVersion1: (metadata: Readonly<Record<string, string>>) => { model: Module; inputShape?: Shape | undefined },
): { readonly state: SavedState; readonly metadata: Readonly<Record<string, string>> } {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  const version = metadata.trisparse_format ?? FORMAT_VERSION;
  if (version !== FORMAT_VERSION)
    throw expected(where, `format ${FORMAT_VERSION} of trisparse`, version, "Read it with the version that wrote it");
  if (!isVersion1(metadata)) return { state: tensors, metadata };
  const { model, inputShape } = ofVersion1(metadata);
  return { state: stateOfVersion1(tensors, model, inputShape, where), metadata };
}
