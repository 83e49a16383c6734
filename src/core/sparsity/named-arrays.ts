/** What methods keep from step to step, saved with a run. */
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";

/** Arrays by name, zeros at first. */
export class NamedArrays {
  readonly #arrays = new Map<string, F32>();
  #restored: ReadonlyMap<string, ArrayLike<number>> = new Map();

  take(name: string, length: number, kernels: Kernels): F32 {
    let array = this.#arrays.get(name);
    if (array === undefined) {
      array = kernels.float32(length);
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

  /** With what was saved and not taken since: a run may be saved twice in between. */
  all(): ReadonlyMap<string, ArrayLike<number>> {
    return new Map([...this.#restored, ...this.#arrays]);
  }

  /** What `take` finds the first time it is asked. */
  restore(saved: ReadonlyMap<string, ArrayLike<number>>): void {
    this.#restored = saved;
    this.#arrays.clear();
  }
}
