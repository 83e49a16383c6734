/**
 * Model files: safetensors with PyTorch's names and layouts, which `load_state_dict` takes as they are. Files that
 * version 0.1 wrote can be read too.
 */
import { expected } from "../errors.ts";
import { Module, requireModule } from "../nn/module.ts";
import { loadState, type SavedState, type State, stateOf } from "../nn/state.ts";
import { requireOptions, shown } from "../options.ts";
import type { Shape } from "../tensor/tensor.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { isVersion1, stateOfVersion1 } from "./version-1.ts";

/**
 * Version of the names and layouts, in the metadata of the files that we write; files from other programs have none.
 */
export const FORMAT_VERSION = "2";

/** Encodes a state as the bytes of a safetensors file. */
export function encodeModel(state: State, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  return encodeSafetensors(state, { ...metadata, format: "pt", trisparse_format: FORMAT_VERSION });
}

/**
 * Encodes weights and running statistics, with text as metadata, as the bytes of a safetensors file. Of a model these are
 * its trained, dense weights; of the session that holds it what the products multiply by, zeros included.
 */
export function saveModel(
  model: Module | { state(): State; patterns?(): object },
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  if (model instanceof Module) return encodeModel(stateOf(model), metadata);
  const patterns = model.patterns === undefined ? {} : { trisparse_patterns: JSON.stringify(model.patterns()) };
  return encodeModel(model.state(), { ...patterns, ...metadata });
}

export interface LoadModelOptions {
  /** Name of the file in errors. */
  readonly where?: string | undefined;
  /** Shape of one input, without the batch. It is needed for a file of version 0.1 if the model flattens images. */
  readonly inputShape?: Shape | undefined;
}

/**
 * Reads a file that `saveModel`, a run or PyTorch wrote into a model of the same layers. Throws if a name or a shape
 * differs from the model's; nothing is changed then.
 */
export function loadModel(model: Module, bytes: Uint8Array, options: LoadModelOptions = {}): void {
  requireOptions("loadModel", options, { where: true, inputShape: true });
  const { where = "load model", inputShape } = options;
  requireModule(where, model);
  if (!(bytes instanceof Uint8Array)) throw expected(where, "the bytes of a file", shown(bytes), "Read the file first");
  loadState(model, decodeModel(bytes, where, () => ({ model, inputShape })).state, where);
}

/**
 * Decodes a state and its metadata. `ofVersion1` gives the model and the shape of its input; it is called only for a
 * file of version 0.1.
 */
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
