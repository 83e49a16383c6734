/** The arrays that methods keep from step to step; they are saved with a run. */
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";

/** Arrays by name, which are zero at first. */
export class NamedArrays {
  readonly #arrays = new Map<string, F32>();
  /** Dropped arrays, to be taken again: WASM gives no memory back to code that never returns to the event loop. */
  readonly #spare = new Map<string, F32>();
  #restored: ReadonlyMap<string, ArrayLike<number>> = new Map();

  take(name: string, length: number, kernels: Kernels): F32 {
    let array = this.#arrays.get(name);
    if (array === undefined) {
      const spare = this.#spare.get(name);
      array = spare?.length === length ? spare.fill(0) : kernels.float32(length);
      this.#spare.delete(name);
      const saved = this.#restored.get(name);
      if (saved !== undefined) {
        if (saved.length !== length) {
          throw expected(
            `checkpoint: state ${name}`,
            `${length} values`,
            String(saved.length),
            "Resume with the recipe of this run",
          );
        }
        array.set(saved);
      }
      this.#arrays.set(name, array);
    }
    return array;
  }

  /** Drops an array, which is zero again when it is next taken. */
  drop(name: string): void {
    const array = this.#arrays.get(name);
    if (array !== undefined) this.#spare.set(name, array);
    this.#arrays.delete(name);
    this.#restored = new Map([...this.#restored].filter(([other]) => other !== name));
  }

  /** All arrays, including saved ones that were not taken since, because a run may be saved again before they are. */
  all(): ReadonlyMap<string, ArrayLike<number>> {
    return new Map([...this.#restored, ...this.#arrays]);
  }

  /** Sets the values that `take` finds when it is first asked for an array. */
  restore(saved: ReadonlyMap<string, ArrayLike<number>>): void {
    this.#restored = saved;
    this.#arrays.clear();
  }
}
