/**
 * Arrays that wait to be used again, by length. A step of the same shapes finds all of its arrays here. Shapes that vary,
 * last batches, lengths of sequences, leave arrays behind that no later step asks for: the pool drops those that were not
 * used for the longest time, so that it holds at most twice what recent steps needed at once.
 */

interface Shelf<T> {
  readonly free: T[];
  /** The step that last took one of them. */
  used: number;
}

/** So many steps count as recent: a pass over a small split of evaluation between two steps of training. */
const RECENT_STEPS = 16;
/** Bytes that the pool may hold in any case. */
const SPARE_BYTES = 2 ** 20;

export class Pool<T extends { readonly length: number; readonly byteLength: number }> {
  readonly #make: (length: number) => T;
  readonly #shelves = new Map<number, Shelf<T>>();
  #lent: T[] = [];
  #step = 0;
  /** Bytes of all arrays, in use or not; bytes in use now, and the most of this step. */
  #bytes = 0;
  #inUse = 0;
  #peak = 0;
  readonly #peaks: number[] = [];

  constructor(make: (length: number) => T) {
    this.#make = make;
  }

  /** Bytes of all arrays that it holds or has lent. */
  get bytes(): number {
    return this.#bytes;
  }

  take(length: number): T {
    const shelf = this.#shelves.get(length);
    if (shelf !== undefined) shelf.used = this.#step;
    const array = shelf?.free.pop() ?? this.#made(length);
    this.#inUse += array.byteLength;
    if (this.#inUse > this.#peak) this.#peak = this.#inUse;
    return array;
  }

  #made(length: number): T {
    const array = this.#make(length);
    this.#bytes += array.byteLength;
    return array;
  }

  put(array: T): void {
    this.#inUse -= array.byteLength;
    const shelf = this.#shelves.get(array.length);
    if (shelf === undefined) this.#shelves.set(array.length, { free: [array], used: this.#step });
    else shelf.free.push(array);
  }

  /** Takes an array that is lent until `takeBack`. */
  lend(length: number): T {
    const array = this.take(length);
    this.#lent.push(array);
    return array;
  }

  /** Ends a step: what was lent is free again, and what has not been used for long is dropped. */
  takeBack(): void {
    for (const array of this.#lent) this.put(array);
    this.#lent = [];
    this.#peaks[this.#step % RECENT_STEPS] = this.#peak;
    this.#step++;
    this.#peak = this.#inUse;
    const most = 2 * Math.max(...this.#peaks) + SPARE_BYTES;
    if (this.#bytes > most) this.#dropDownTo(most);
  }

  #dropDownTo(most: number): void {
    const oldest = [...this.#shelves].sort(([, a], [, b]) => a.used - b.used);
    for (const [length, { free }] of oldest) {
      if (this.#bytes <= most) return;
      for (const array of free) this.#bytes -= array.byteLength;
      this.#shelves.delete(length);
    }
  }
}
