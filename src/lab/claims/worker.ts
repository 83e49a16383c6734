/** A process of its own that does a share of the trainings of a reproduction: see spread.ts. */
import { openQuietly } from "../../node/open-device.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { benchOf } from "./bench-of.ts";
import { claims } from "./claims.ts";
import { finishedRun, withData } from "./runs.ts";
import type { Share } from "./spread.ts";

const { jobs, place, open } = JSON.parse(process.argv[2]) as Share;
// without the process that asked for it, nobody waits for the result
const orphaned = (): never => process.exit(1);
process.on("disconnect", orphaned);
const { device } = openQuietly(open);
for (const job of jobs) {
  process.send?.(job);
  if (job.recipe === null) {
    const claim = claims.find(({ name }) => name === job.claim)!;
    await claim.trials!.finish(benchOf(claim, device, place, [job.seed]));
  } else {
    await finishedRun(job.folder, withData(parseRecipe(job.recipe, job.claim), place.dataDir), device);
  }
}
process.off("disconnect", orphaned);
process.disconnect?.();
