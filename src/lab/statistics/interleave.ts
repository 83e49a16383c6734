/** Times variants of one piece of work in turn, so that whatever slows the machine slows all of them. */
import { type Quartiles, quartiles } from "./quartiles.ts";

/** A variant and its times. */
export interface Timed {
  readonly name: string;
  /** Milliseconds of a call. */
  readonly ms: Quartiles;
  /** Time of the first variant / time of this one, round by round. */
  readonly ratio: Quartiles;
}

/**
 * Runs every variant once a round: first a fifth of `rounds` that is not counted, at least one, and then up to `rounds`
 * rounds; once `seconds` have passed, no further round begins, but at least one is counted. `warm` is the number of
 * calls right before a timed one, after which the caches hold what they hold if a variant runs alone, not what another
 * one left.
 */
export function interleave(
  variants: Readonly<Record<string, () => void>>,
  rounds: number,
  seconds: number,
  warm = 0,
): Timed[] {
  const names = Object.keys(variants);
  const times: number[][] = names.map(() => []);
  const warmUp = Math.max(1, Math.floor(rounds / 5));
  const end = performance.now() + seconds * 1000;
  for (let round = 0; round < warmUp + rounds && (round <= warmUp || performance.now() < end); round++) {
    names.forEach((name, i) => {
      for (let call = 0; call < warm; call++) variants[name]();
      const begin = performance.now();
      variants[name]();
      const ms = performance.now() - begin;
      if (round >= warmUp) times[i].push(ms);
    });
  }
  return names.map((name, i) => ({
    name,
    ms: quartiles(times[i]),
    ratio: quartiles(times[i].map((ms, round) => times[0][round] / ms)),
  }));
}
