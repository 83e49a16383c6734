/** Reads files of weights, for runs that start from them. */
import { jsKernels } from "../../core/backend/js.ts";
import { decodeModel } from "../../core/io/model-file.ts";
import type { SavedState } from "../../core/nn/state.ts";
import { Random } from "../../core/random.ts";
import { Device } from "../../core/tensor/device.ts";
import { sources } from "../data/sources.ts";
import { buildModel, inputShapeOf } from "../recipes/architecture.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";

/**
 * The state in a file that a run, `compress` or PyTorch wrote. A file of version 0.1 holds a recipe that says what
 * model it is for.
 */
export function readWeights(bytes: Uint8Array, path: string): SavedState {
  return decodeModel(bytes, path, ({ recipe = "{}" }) => {
    const { model, data } = JSON.parse(recipe) as Partial<Recipe>;
    const own = parseRecipe({ model, data: { name: data?.name } }, path);
    const { task } = sources[own.data.name];
    const device = new Device(jsKernels());
    return { model: buildModel(own.model, task, { device, random: new Random(0) }), inputShape: inputShapeOf(task) };
  }).state;
}
