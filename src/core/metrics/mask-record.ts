/** The records that a run writes about its masks every so many steps, and the comparison of two runs' records. */

interface MaskNumbers {
  /** Number of entries that changed since the step before. */
  readonly flips: number;
  /** Mean of flips / weights over the steps since the record before; for a dense run, that of this step alone. */
  readonly flipRate: number;
  /** SAD from the first mask, and its share of the weights. */
  readonly sad: number;
  readonly sadShare: number;
  /** Sum of the kept |w| / sum of all |w|. */
  readonly keptShare: number;
  readonly deadGroups: number;
  readonly deadRows: number;
}

export interface LayerMask extends MaskNumbers {
  readonly layer: string;
  readonly pattern: string;
  readonly weights: number;
}

/** A record of all masks at one step: a line of metrics.jsonl. */
export interface MaskRecord extends MaskNumbers {
  readonly step: number;
  /** Whether the masks are virtual, that is, those that a dense run would choose. */
  readonly virtual: boolean;
  readonly masks: readonly LayerMask[];
}

/** The flips of a run relative to those of a dense one at the same steps. */
export interface FlipRatios {
  /** Ratio of the sums over all steps; null if the dense run has no flips. */
  readonly flipRatio: number | null;
  readonly flipRatios: readonly { readonly step: number; readonly ratio: number }[];
}

/**
 * The ratios over the layers that both runs watch under the same pattern. Steps in which the dense run's masks do not
 * change have no ratio.
 */
export function flipRatiosOf(own: readonly MaskRecord[], dense: readonly MaskRecord[]): FlipRatios {
  const beside = new Map(dense.map((record) => [record.step, record]));
  let [flips, denseFlips] = [0, 0];
  const flipRatios = own.flatMap(({ step, masks }) => {
    const others = beside.get(step)?.masks ?? [];
    let [here, there] = [0, 0];
    for (const { layer, pattern, weights, flipRate } of masks) {
      const other = others.find((one) => one.layer === layer && one.pattern === pattern);
      if (other === undefined) continue;
      here += flipRate * weights;
      there += other.flipRate * weights;
    }
    if (there === 0) return [];
    flips += here;
    denseFlips += there;
    return [{ step, ratio: here / there }];
  });
  return { flipRatio: denseFlips === 0 ? null : flips / denseFlips, flipRatios };
}
