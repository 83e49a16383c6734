/**
 * Makes a smaller model of the same kind out of a model with zeros. It computes the same, is an ordinary dense model,
 * and comes with the part of a recipe that builds it.
 */
import type { Task } from "../../core/data/dataset.ts";
import { constantBodies, type Removal, withoutDeadChannels, withoutZeroColumns } from "../../core/nn/compaction.ts";
import type { InitOptions } from "../../core/nn/init-options.ts";
import { blocksOf, type ResnetBlock } from "../../core/nn/models/resnet.ts";
import type { Module } from "../../core/nn/module.ts";
import { loadValues, type Values, valuesOf } from "../../core/nn/state.ts";
import { type Architecture, buildModel, inputShapeOf, withWidthsOf } from "../recipes/architecture.ts";

export interface Compacted {
  /** The architecture that builds the smaller model, as in a recipe. */
  readonly architecture: Architecture;
  readonly model: Module;
  /** Groups of channels that lost some, or that have constant channels which had to stay. */
  readonly removals: readonly Removal[];
  /** Paths of residual blocks that became their shortcut, with or without a constant. */
  readonly blocks: readonly string[];
}

/**
 * Removes constant residual bodies and dead channels until none is left, and then columns that are zero in all rows,
 * where gathering the others is faster. The model is read, not changed; in evaluation mode the smaller one computes the
 * same up to rounding. The model must have no plan that prunes: compact the trained weights.
 */
export function compact(model: Module, architecture: Architecture, task: Task, init: InitOptions): Compacted {
  const shape = inputShapeOf(task);
  const blocks: string[] = [];
  const removals = new Map<string, Removal>();
  let [now, smaller] = [architecture, model];
  const rebuild = (next: Architecture, values: Values): void => {
    now = withColumnsIn(values, next);
    smaller = buildModel(now, task, init);
    loadValues(smaller, values, "compact");
  };
  while (true) {
    const depth = withoutConstantBodies(smaller, now, shape);
    if (depth !== null) {
      blocks.push(...depth.blocks);
      rebuild(depth.architecture, depth.values);
    }
    const width = withoutDeadChannels(smaller, shape);
    for (const removal of width.removals) {
      const { group, removed, reasons } = removal;
      const before = removals.get(group);
      if (before === undefined) removals.set(group, removal);
      else removals.set(group, { ...before, removed: before.removed + removed, reasons });
    }
    // removed channels may have been the only readers of others
    if (width.removals.every(({ removed }) => removed === 0)) break;
    rebuild(withWidthsOf(now, width.values), width.values);
  }
  if (now.name !== "gpt") {
    const { values, columns } = withoutZeroColumns(smaller);
    if (columns.size > 0) rebuild({ ...now, columns: { ...now.columns, ...Object.fromEntries(columns) } }, values);
  }
  if (smaller === model) rebuild(architecture, valuesOf(model));
  return { architecture: now, model: smaller, removals: [...removals.values()], blocks };
}

function withoutConstantBodies(
  model: Module,
  architecture: Architecture,
  shape: readonly number[],
): { readonly architecture: Architecture; readonly values: Values; readonly blocks: string[] } | null {
  if (architecture.name !== "resnet") return null;
  const blocks: ResnetBlock[] = [...blocksOf(architecture.depth, architecture)];
  const values = valuesOf(model);
  const gone: string[] = [];
  for (const [path, constants] of constantBodies(model, shape)) {
    if (typeof constants === "string") continue;
    const shifted = constants.some((value) => value !== 0);
    blocks[Number(path.slice("block".length)) - 1] = shifted ? "constant" : "shortcut";
    for (const name of values.keys()) if (name.startsWith(`${path}.body.`)) values.delete(name);
    if (shifted) values.set(`${path}.bias`, { shape: [constants.length], data: constants });
    gone.push(path);
  }
  return gone.length === 0 ? null : { architecture: { ...architecture, blocks }, values, blocks: gone };
}

/** Keeps the columns of layers that are still there: a layer that gathers may be gone with its block or branch. */
function withColumnsIn(values: Values, architecture: Architecture): Architecture {
  if (architecture.name === "gpt" || architecture.columns === undefined) return architecture;
  const columns = Object.entries(architecture.columns).filter(([path]) => values.has(`${path}.weight`));
  return { ...architecture, columns: Object.fromEntries(columns) };
}
