import { maskWords } from "../../../backend/families/masks.ts";
import { defineInputGradMethod } from "../define-method.ts";

/**
 * Prunes the weight that the forward product uses once more, in the groups of the code of Xu et al. 2022: of M^2
 * neighbors in [outputs, channels, kernel height, kernel width], those that are M apart. It is their second mask for the
 * transposed weight, meant to be N:M along the outputs; it is not, unless M^2 neighbors span M outputs. So no kernel
 * can skip its zeros, and it is for comparisons.
 * Difference: of equal magnitudes the first is kept; theirs leaves it to a sort.
 */
export const fstTransposed = defineInputGradMethod({
  name: "fst-transposed",
  title: "FST's transposed weight",
  about: "prunes the pruned weight once more, in the groups of the source's code; emulated, to compare with",
  source: "Xu et al. 2022",
  section: "WeixiangXu/FST, backward_sparse",
  oracle: "src/core/sparsity/methods/input-grad/fst-transposed.test.ts",
  shows: "train recipes/cifar10-cnn-sr-ste-fst-transposed-restored.json",
  options: {},
  make: () => ({
    operand: "weight",
    readsHost: "its groups are cut on the host",
    emulatedOnly: "its groups do not run along the outputs",
    misfit: ({ v }) => (v === 1 ? undefined : "fst-transposed has no vectors"),
    prune: (copy, weight, mask, { outputs, taps, channels }, { n, m }) => {
      const k = taps * channels;
      const words = maskWords(k);
      // where the weight with this number in the source's layout lies in ours
      const placeOf = (number: number): number => {
        const [output, entry] = [Math.floor(number / k), number % k];
        return output * k + (entry % taps) * channels + Math.floor(entry / taps);
      };
      const isKept = (place: number): boolean => {
        const [output, entry] = [Math.floor(place / k), place % k];
        return ((mask[output * words + (entry >>> 5)] >>> (entry & 31)) & 1) === 1;
      };
      copy.fill(0);
      for (let block = 0; block < outputs * k; block += m * m) {
        for (let first = block; first < block + m; first++) {
          const places = Array.from({ length: m }, (_, i) => placeOf(first + i * m)).filter(isKept);
          places.sort((a, b) => Math.abs(weight[b]) - Math.abs(weight[a]));
          for (const place of places.slice(0, n)) copy[place] = weight[place];
        }
      }
    },
  }),
});
