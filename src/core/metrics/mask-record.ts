/** What a run writes about its masks every so many steps, and what is made of two runs' records. */

interface MaskNumbers {
  /** Entries that changed since the step before. */
  readonly flips: number;
  /** Mean of flips / weights over the steps since the record before; of a dense run, those of this step alone. */
  readonly flipRate: number;
  /** SAD to the first mask, and as a share of the weights. */
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

/** A line of metrics.jsonl. */
export interface MaskRecord extends MaskNumbers {
  readonly step: number;
  /** Whether the masks are those that a dense run would choose. */
  readonly virtual: boolean;
  readonly masks: readonly LayerMask[];
}

/** The flips of a run beside those of a dense one at the same steps. */
export interface FlipRatios {
  /** Of the sums over all steps; null where there are none. */
  readonly flipRatio: number | null;
  readonly flipRatios: readonly { readonly step: number; readonly ratio: number }[];
}

/** Over the layers that both watch, with one pattern. Steps in which the dense run's masks stand still have no ratio. */
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
