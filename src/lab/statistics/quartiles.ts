/** Medians with quartiles, as every time and ratio is reported. */
export interface Quartiles {
  readonly median: number;
  readonly q1: number;
  readonly q3: number;
}

/** The quartiles, by linear interpolation between the order statistics; NaN if there are no values. */
export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const position = share * (sorted.length - 1);
    const low = Math.floor(position);
    const high = Math.ceil(position);
    return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
  };
  return sorted.length === 0
    ? { median: Number.NaN, q1: Number.NaN, q3: Number.NaN }
    : { median: at(0.5), q1: at(0.25), q3: at(0.75) };
}
