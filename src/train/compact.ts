/**
 * From a model with zeros to a smaller one of the same kind that computes the same: an ordinary dense model, with the
 * part of a recipe that builds it.
 */
import type { Task } from "../data/dataset.ts";
import { expected } from "../errors.ts";
import { constantBodies, type Removal, type State, withoutDeadChannels, withoutZeroColumns } from "../nn/compaction.ts";
import type { ResnetBlock } from "../nn/models/resnet.ts";
import { type Birth, loadState, type Module, stateOf } from "../nn/module.ts";
import type { Recipe } from "./recipe.ts";
import { buildModel, inputShapeOf } from "./run.ts";

type Architecture = Recipe["model"];

export interface Compacted {
  /** What builds it: the model of a recipe. */
  readonly architecture: Architecture;
  readonly model: Module;
  /** Groups of channels that lost some, or that have constant ones which had to stay. */
  readonly removals: readonly Removal[];
  /** Paths of residual blocks that became their shortcut, with or without a constant. */
  readonly blocks: readonly string[];
}

/**
 * Removes constant residual bodies and dead channels until none is left, and then columns that are zero in all rows,
 * where gathering the others is faster. The model is read, not changed; in evaluation
 * the smaller one computes the same up to rounding. Both must be without plans that prune: compact what is trained.
 */
export function compact(model: Module, architecture: Architecture, task: Task, birth: Birth): Compacted {
  const shape = inputShapeOf(task);
  const blocks: string[] = [];
  const removals = new Map<string, Removal>();
  let [now, smaller] = [architecture, model];
  const rebuild = (next: Architecture, state: State): void => {
    now = next;
    smaller = buildModel(now, task, birth);
    loadState(smaller, state, "compact");
  };
  while (true) {
    const depth = withoutConstantBodies(smaller, now, shape);
    if (depth !== null) {
      blocks.push(...depth.blocks);
      rebuild(depth.architecture, depth.state);
    }
    const width = withoutDeadChannels(smaller, shape);
    for (const removal of width.removals) {
      const { group, removed, reasons } = removal;
      const before = removals.get(group);
      if (before === undefined) removals.set(group, removal);
      else removals.set(group, { ...before, removed: before.removed + removed, reasons });
    }
    // what is gone may have been the only reader of something else
    if (width.removals.every(({ removed }) => removed === 0)) break;
    rebuild(withWidthsOf(now, width.state), width.state);
  }
  if (now.name !== "gpt") {
    const { state, columns } = withoutZeroColumns(smaller);
    if (columns.size > 0) rebuild({ ...now, columns: { ...now.columns, ...Object.fromEntries(columns) } }, state);
  }
  if (smaller === model) rebuild(architecture, stateOf(model));
  return { architecture: now, model: smaller, removals: [...removals.values()], blocks };
}

function withoutConstantBodies(
  model: Module,
  architecture: Architecture,
  shape: readonly number[],
): { readonly architecture: Architecture; readonly state: State; readonly blocks: string[] } | null {
  if (architecture.name !== "resnet") return null;
  const blocks: ResnetBlock[] = [...(architecture.blocks ?? blocksOf(architecture))];
  const state = stateOf(model);
  const gone: string[] = [];
  for (const [path, constants] of constantBodies(model, shape)) {
    if (typeof constants === "string") continue;
    const shifted = constants.some((value) => value !== 0);
    blocks[Number(path.slice("block".length)) - 1] = shifted ? "constant" : "shortcut";
    for (const name of state.keys()) if (name.startsWith(`${path}.body.`)) state.delete(name);
    if (shifted) state.set(`${path}.bias`, { shape: [constants.length], data: constants });
    gone.push(path);
  }
  return gone.length === 0 ? null : { architecture: { ...architecture, blocks }, state, blocks: gone };
}

/** The blocks of a ResNet that names none: as wide as their stage. */
function blocksOf({ depth, widths }: Extract<Architecture, { name: "resnet" }>): number[] {
  const perStage = (depth - 2) / 6;
  return widths.flatMap((width) => Array<number>(perStage).fill(width));
}

/** The architecture with the widths that the arrays of a state have. */
function withWidthsOf(architecture: Architecture, state: State): Architecture {
  const rows = (name: string): number => {
    const found = state.get(`${name}.weight`);
    if (found === undefined)
      throw expected("compact", `a model ${architecture.name} with ${name}`, "none", "Pass both");
    return found.shape[0];
  };
  switch (architecture.name) {
    case "mlp":
      return { ...architecture, hidden: architecture.hidden.map((_, i) => rows(`fc${i + 1}`)) };
    case "cnn":
    case "detector":
      return { ...architecture, widths: architecture.widths.map((_, i) => rows(`conv${i + 1}`)) };
    case "lenet":
      return { ...architecture, widths: [rows("conv1"), rows("conv2"), rows("fc1")] };
    case "gpt":
      return {
        ...architecture,
        hidden: Array.from({ length: architecture.layers }, (_, i) => rows(`blocks.${i}.mlp.fc1`)),
      };
    case "resnet": {
      const inner = (architecture.blocks ?? blocksOf(architecture)).map((block, i) =>
        typeof block === "number" ? rows(`block${i + 1}.body.conv1`) : block,
      );
      return { ...architecture, widths: stagesOf(architecture, state), blocks: inner };
    }
  }
}

/** Each stage's width from a block that is left of it, or else of what its neighbours have: see below. */
function stagesOf(
  { depth, widths }: Extract<Architecture, { name: "resnet" }>,
  state: State,
): [number, number, number] {
  const perStage = (depth - 2) / 6;
  const of = (stage: number): number | undefined => {
    for (let i = stage * perStage + 1; i <= (stage + 1) * perStage; i++) {
      const rows = state.get(`block${i}.body.conv2.weight`) ?? state.get(`block${i}.bias`);
      if (rows !== undefined) return rows.shape[0];
    }
    return undefined;
  };
  const first = state.get("conv1.weight")!.shape[0];
  const last = state.get("fc.weight")!.shape[1];
  const middle = of(1) ?? Math.max(first, Math.min(widths[1], last));
  return [first, middle, last];
}
