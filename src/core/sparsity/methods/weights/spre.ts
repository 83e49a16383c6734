import { defineWeightMethod } from "../define-method.ts";
import { srSte } from "./sr-ste.ts";

/**
 * SpRe: SR-STE with a branch beside each sparse 3x3 convolution, trained with it and merged into it at the end. The
 * branch has the same mask, but only at the taps where an unstructured mask would keep more than N of M. Source: Zhang
 * et al. 2023.
 * Differences: (1) the taps are chosen when masks are, so they stay as long as these (`refresh`, phases); (2) a run of
 * a model without such convolutions is refused. Other methods can have branches too: `spatialBranches` of a recipe.
 */
export const spre = defineWeightMethod({
  name: "spre",
  title: "SpRe",
  about: "SR-STE with branches beside 3x3 convolutions, merged at the end",
  source: "Zhang et al. 2023; zyxxmu/SpRE",
  section: "utils/conv_type.py, SpReConv; convert.py",
  oracle: "src/core/sparsity/spatial-branches.test.ts",
  shows: "compare --model cnn --methods sr-ste,spre --pattern 2:4",
  sparse: true,
  options: srSte.options,
  make: (options) => ({ ...srSte(options), spatialBranches: true }),
});
