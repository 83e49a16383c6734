/** The front door of trisparse. */
export { TrisparseError } from "./errors.ts";
export { type Kernels, matrixGeometry } from "./kernels/kernels.ts";
export { Random } from "./random.ts";
