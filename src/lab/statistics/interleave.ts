/** Times variants of one piece of work in turn, so that what slows the machine slows all of them. */
import { type Quartiles, quartiles } from "./quartiles.ts";

/** A variant and its times. */
export interface Timed {
  readonly name: string;
  /** Milliseconds of a call. */
  readonly ms: Quartiles;
  /** Time of the first variant / time of this, round by round. */
  readonly ratio: Quartiles;
}

/**
 * Runs every variant once a round; the first rounds, a fifth of all, are not counted. Runs at least `rounds` rounds, and
 * no more once `seconds` have passed. warm: calls right before the timed one, after which the caches hold what they hold
 * where a variant runs alone, and not what another one left.
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
