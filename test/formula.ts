/** Numbers from a formula, the same in the Python that makes golden files: inputs need not be stored. */

/** u in [0, 1) of element i of tensor s. */
export function uniform(s: number, i: number): number {
  let h = (Math.imul(i, 2654435761) + Math.imul(s, Math.imul(40503, 65537)) + 12345) >>> 0;
  h = (h ^ (h >>> 15)) >>> 0;
  h = Math.imul(h, 2246822519) >>> 0;
  h = (h ^ (h >>> 13)) >>> 0;
  return h / 2 ** 32;
}

/** Values in [-bound, bound). */
export function fill(data: Float32Array, s: number, bound = 1): void {
  for (let i = 0; i < data.length; i++) data[i] = (uniform(s, i) * 2 - 1) * bound;
}

/** Images of noise, of 28x28 pixels, one channel and 10 classes. */
export function noise(s: number, count: number): { count: number; images: Uint8Array; labels: Uint8Array } {
  const images = Uint8Array.from({ length: count * 784 }, (_, i) => Math.floor(256 * uniform(s, i)));
  return { count, images, labels: Uint8Array.from({ length: count }, (_, i) => i % 10) };
}
