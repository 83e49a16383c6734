/**
 * Strategies: one word for the sparse operands of all three products. The letters of Xu et al. 2022 name the operand of
 * inputGrad and that of weightGrad: W the weight, G the gradient, X the activations. Forward has sparse weights in all.
 */

/** A method of a table: its name, pattern and numbers, as in a recipe. */
interface Choice {
  readonly name: string;
  readonly pattern?: string;
}

/** A line of the table of strategies. */
export interface Strategy {
  /** Name in recipes and on the command line. */
  readonly name: string;
  readonly about: string;
  readonly source: string;
  /**
   * The methods of a recipe with this strategy, unless the recipe gives others. `pattern` is the one asked for: "2:4"
   * or "2:4v2".
   */
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
      // transposable masks cannot have vectors; the gradient may have them
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
