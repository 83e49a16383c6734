/** Computes max(0, x), but lets NaN through and keeps -0. */
// biome-ignore lint/complexity/useMathMinMax: Math.max(-0, 0) is 0, and the other backends keep the sign.
export const rectified = (x: number): number => (x < 0 ? 0 : x);
