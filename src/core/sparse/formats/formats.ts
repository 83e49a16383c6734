/** The table of operand formats that products can multiply by. The conformance suite goes through it. */
import type { OperandFormat } from "../operand.ts";
import { csrFormat } from "./csr-matrix.ts";
import { denseFormat } from "./dense-matrix.ts";
import { emulatedFormat } from "./emulated.ts";
import { fixedMaskFormat } from "./fixed-mask.ts";
import { activationsFormat } from "./packed-activations.ts";
import { gradientFormat } from "./packed-gradient.ts";
import { packedFormat } from "./packed-matrix.ts";
import { transposeFormat } from "./packed-transpose.ts";

export const operandFormats: readonly OperandFormat[] = [
  denseFormat,
  packedFormat,
  transposeFormat,
  activationsFormat,
  gradientFormat,
  csrFormat,
  fixedMaskFormat,
  emulatedFormat,
];
