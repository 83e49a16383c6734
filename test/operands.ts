/** What tests ask of the operands that a weight's plan gives. */
import { CsrMatrix } from "../src/core/sparse/formats/csr-matrix.ts";
import { DenseMatrix } from "../src/core/sparse/formats/dense-matrix.ts";
import {
  EmulatedActivations,
  EmulatedFixedMask,
  EmulatedGradient,
  EmulatedSample,
  EmulatedWeight,
} from "../src/core/sparse/formats/emulated.ts";
import { FixedMask } from "../src/core/sparse/formats/fixed-mask.ts";
import { PackedActivations } from "../src/core/sparse/formats/packed-activations.ts";
import { PackedGradient } from "../src/core/sparse/formats/packed-gradient.ts";
import { PackedMatrix, type PackedOperand } from "../src/core/sparse/formats/packed-matrix.ts";
import { PackedTranspose } from "../src/core/sparse/formats/packed-transpose.ts";
import { ConfinedGradient, LayerOperands } from "../src/core/sparsity/layer-operands.ts";
import type { Parameter } from "../src/core/tensor/tensor.ts";

/** The N:M pack that an operand multiplies by; null: it has none. */
export function packOf(operand: unknown): PackedOperand | null {
  if (operand instanceof PackedMatrix || operand instanceof PackedTranspose) return operand;
  if (operand instanceof PackedActivations) return operand.x;
  if (operand instanceof PackedGradient) return operand.dy;
  if (operand instanceof ConfinedGradient) return packOf(operand.operand);
  return null;
}

/** What of a product an operand stands for. */
export function kindOf(operand: unknown): string {
  if (operand === null || operand instanceof DenseMatrix) return "dense";
  if (operand instanceof ConfinedGradient) return kindOf(operand.operand);
  if (operand instanceof CsrMatrix) return "compressed weight";
  if (operand instanceof PackedMatrix) return "weight";
  if (operand instanceof PackedActivations || operand instanceof FixedMask) return "activations";
  if (operand instanceof PackedGradient) return "gradient";
  if (operand instanceof EmulatedWeight) return "emulated weight";
  if (operand instanceof EmulatedGradient || operand instanceof EmulatedSample) return "emulated gradient";
  if (operand instanceof EmulatedActivations || operand instanceof EmulatedFixedMask) return "emulated activations";
  // a transpose is of the weight in inputGrad, of the gradient in weightGrad
  if (operand instanceof PackedTranspose) return "transpose";
  throw new Error("an operand of a format that tests do not know");
}

/** What dense products multiply by in the place of a sparse weight. */
export function denseWeightOf({ plan }: Parameter): Float32Array {
  if (!(plan instanceof LayerOperands)) throw new Error("the weight is not under a method");
  return plan.denseWeight();
}
