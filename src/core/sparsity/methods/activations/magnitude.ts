import { type Pattern, patternName } from "../../../sparse/pattern.ts";
import { defineActivationMethod } from "../define-method.ts";

/**
 * Keeps the largest activations of each group, along the inputs that forward sums over. Behind a squared ReLU, where
 * half of the activations are zero and few are large, little is lost. The gradient is that of the product under a
 * constant mask: the weight's gradient uses the kept activations, and pruned ones have no gradient. Source: Haziza et
 * al. 2025.
 * Differences: (1) any N:M; (2) the paper's backward products use this sparsity too, here the weight gradient
 * multiplies by a dense copy with zeros, because it sums over positions, along which there is no pattern.
 */
export const magnitude = defineActivationMethod({
  name: "magnitude",
  title: "magnitude",
  about: "keeps the largest activations behind a squared ReLU; the weight of that layer stays dense in forward",
  source: "Haziza et al. 2025",
  section: "section unconfirmed; no code",
  oracle: "src/core/sparsity/activations.test.ts",
  shows: "train recipes/text-gpt-dense-magnitude.json",
  options: {},
  make: () => ({ misfit: ofOneRow, pack: (rows, x) => rows.prune(x) }),
});

// If places of a text shared a mask, it would reveal the next character: a small GPT "reached" 1.8 bits for 3.3.
function ofOneRow(pattern: Pattern): string | undefined {
  return pattern.v === 1 ? undefined : `rows of activations share no mask, as in ${patternName(pattern)}`;
}
