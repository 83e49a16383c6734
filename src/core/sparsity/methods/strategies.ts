/**
 * Strategies: what is sparse in all three products, under one word. The letters of Xu et al. 2022 name the operand of
 * inputGrad and that of weightGrad: W the weight, G the gradient, X the activations; forward has sparse weights in all.
 */

/** A choice of a table of methods: its name, pattern and numbers, as in a recipe. */
interface Choice {
  readonly name: string;
  readonly pattern?: string;
}

/** A line of the table. */
export interface Strategy {
  /** As in recipes and on the command line. */
  readonly name: string;
  readonly about: string;
  readonly source: string;
  /** What a recipe with this strategy holds where it says nothing else. pattern: as asked for, "2:4" or "2:4v2". */
  parts(pattern: string): { readonly method: Choice; readonly inputGrad: Choice; readonly weightGrad: Choice };
}

export const strategies: readonly Strategy[] = [
  {
    name: "fully-sparse",
    about: "S-STE weights, pruned once more for inputGrad, and an unbiased sample of the gradient in weightGrad",
    source: "ours, of Hu et al. 2024, Mozaffari et al. 2025 and Chmiel et al. 2023",
    parts: (pattern) => ({
      method: { name: "s-ste", pattern },
      inputGrad: { name: "double-pruned", pattern },
      weightGrad: { name: "mvue", pattern },
    }),
  },
  {
    name: "mvue",
    about: "weights with one transposable mask for two products, and an unbiased sample of the gradient in weightGrad",
    source: "Chmiel et al. 2023",
    parts: (pattern) => ({
      // transposable masks have no vectors; the gradient may
      method: { name: "transposable", pattern: pattern.replace(/v\d$/, "") },
      inputGrad: { name: "double-pruned", pattern: pattern.replace(/v\d$/, "") },
      weightGrad: { name: "mvue", pattern },
    }),
  },
  {
    name: "fst",
    about: "SR-STE weights, pruned once more for inputGrad, and every second column of the activations (WX)",
    source: "Xu et al. 2022",
    parts: (pattern) => ({
      method: { name: "sr-ste", pattern },
      inputGrad: { name: "double-pruned", pattern },
      weightGrad: { name: "restored" },
    }),
  },
  {
    name: "wg",
    about: "as fst, but the largest gradients in weightGrad; to compare with",
    source: "Xu et al. 2022",
    parts: (pattern) => ({
      method: { name: "sr-ste", pattern },
      inputGrad: { name: "double-pruned", pattern },
      weightGrad: { name: "greedy", pattern },
    }),
  },
  {
    name: "gx",
    about: "as fst, but the largest gradients in inputGrad; to compare with",
    source: "Xu et al. 2022",
    parts: (pattern) => ({
      method: { name: "sr-ste", pattern },
      inputGrad: { name: "greedy", pattern },
      weightGrad: { name: "restored" },
    }),
  },
  {
    name: "gg",
    about: "SR-STE weights, and the largest gradients in both backward products; to compare with",
    source: "Xu et al. 2022",
    parts: (pattern) => ({
      method: { name: "sr-ste", pattern },
      inputGrad: { name: "greedy", pattern },
      weightGrad: { name: "greedy", pattern },
    }),
  },
];
