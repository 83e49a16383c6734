/** How the compiled backends take what the contract has in objects: by position, in the order of native/kernels.def. */

export type Numbers = Float32Array | Float64Array | Uint8Array | Uint32Array | Int32Array;

/** What a compiled kernel takes. */
export type Position = Numbers | number | null;

/**
 * The positions of the kernels of a family that take objects: one that is missing does not compile. The others are called
 * as they are.
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
