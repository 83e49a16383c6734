/**
 * How compiled backends get the arguments that are objects in the contract: by position, in the order of
 * native/kernels.def.
 */

export type Numbers = Float32Array | Float64Array | Uint8Array | Uint32Array | Int32Array;

/** An argument of a compiled kernel. */
export type Position = Numbers | number | null;

/**
 * For the kernels of a family that take objects, functions that give their positional arguments; a missing one does not
 * compile. The other kernels are called as they are.
 */
export type Positions<Family> = {
  readonly [Name in keyof Family as Family[Name] extends (...args: infer Arguments extends unknown[]) => void
    ? Arguments[number] extends Position
      ? never
      : Name
    : never]: Family[Name] extends (...args: infer Arguments) => void
    ? (...args: Arguments) => readonly Position[]
    : never;
};
