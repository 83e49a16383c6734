/** The tools of measurements, as they are in this process. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "../../core/tensor/device.ts";
import { inProcesses, REPEATS } from "../bench/repeats.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { readJson, writeJson } from "../runs/json-file.ts";
import type { Bench, Claim, Scale } from "./claim.ts";
import { dataOf, runName, withData } from "./runs.ts";

/** Where measurements of a claim are kept, and where its data are. */
export interface Place {
  readonly scale: Scale;
  /** A new folder, or one of earlier calls at this scale. */
  readonly out: string;
  /** Folder that holds a folder for each data set, or images/ and text/ with them. */
  readonly dataDir?: string | undefined;
}

export function benchOf(
  { name }: Pick<Claim, "name">,
  device: Device,
  { scale, out, dataDir }: Place,
  seeds: readonly number[],
): Bench {
  const { kernels } = device;
  const folder = join(out, "measured");
  return {
    scale,
    threads: kernels.threads,
    ...{ seeds, device },
    load: async (given) => {
      const recipe = withData(parseRecipe(given, name), dataDir);
      return { recipe, data: await dataOf(recipe) };
    },
    kept: async (given, make) => {
      const file = join(folder, `${name}-${runName(parseRecipe(given, name))}.json`);
      if (!existsSync(file)) {
        const found = await make();
        mkdirSync(folder, { recursive: true });
        writeJson(file, found);
      }
      return readJson(name, file) as Awaited<ReturnType<typeof make>>;
    },
    stepSpeedUps: async (model, plan, patterns) => {
      const { backend, instructionSet, threads } = kernels;
      const open = backend === "js" ? { backend } : { backend, instructionSet, threads };
      const seconds = scale === "smoke" ? 3 : 10;
      const processes = await inProcesses({ model, plans: [plan], patterns, seconds, open }, REPEATS);
      return processes.map((cases) => cases.map(({ ratio }) => ratio));
    },
  };
}
