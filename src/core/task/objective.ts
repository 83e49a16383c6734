/** Objectives: for each kind of task, the loss that a model is trained on, and how its answers are judged. */
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { detectionLoss } from "../autograd/ops/detection-loss.ts";
import type { Batch, BoxTargets } from "../data/batches.ts";
import { boxAt } from "../data/cells.ts";
import type { Task } from "../data/dataset.ts";
import { expected } from "../errors.ts";
import { averagePrecision, type Detection, type Judged, suppress } from "../metrics/average-precision.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { rightAnswers } from "./answers.ts";

/** How well a model does on a split. */
export type Evaluation = ImageEvaluation | TextEvaluation | DetectionEvaluation;

export interface ImageEvaluation {
  /** Mean cross-entropy, in nats an image. */
  readonly loss: number;
  /** Share of right answers, 0..1. */
  readonly accuracy: number;
}

export interface TextEvaluation {
  /** Mean cross-entropy, in nats a character. */
  readonly loss: number;
  readonly bitsPerChar: number;
}

export interface DetectionEvaluation {
  /** Mean loss of classes and boxes: see detectionLoss. */
  readonly loss: number;
  /** Mean average precision at an overlap of 0.5, in 0..1. */
  readonly ap50: number;
  /** Mean average precision, averaged over overlaps of 0.5, 0.55, ..., 0.95. */
  readonly ap: number;
}

/** An evaluation as one number. */
export interface Score {
  readonly value: number;
  /** Name of the number, as the head of a column. */
  readonly name: string;
  readonly decimals: number;
}

/** An evaluation as one number with its name: percentage points, or bits per character. */
export function scored(evaluation: Evaluation): Score {
  if ("accuracy" in evaluation) return { value: 100 * evaluation.accuracy, name: "accuracy %", decimals: 2 };
  if ("ap50" in evaluation) return { value: 100 * evaluation.ap50, name: "AP50 %", decimals: 2 };
  return { value: evaluation.bitsPerChar, name: "bits/char", decimals: 4 };
}

export interface Objective {
  /** The loss, a scalar, of a model's outputs for a batch. */
  loss(outputs: Tensor, batch: Batch): Tensor;
  /** A new judge for one pass over a split. */
  judge(): Judge;
}

/** Judges a model's answers to a split, which it sees part by part. */
export interface Judge {
  see(outputs: Tensor, batch: Batch): void;
  /** The evaluation of the whole split; `loss` is the mean of the parts. */
  verdict(loss: number): Evaluation;
}

const named = (outputs: Tensor, { labels }: Batch): Tensor => crossEntropy(outputs, labels);

export const objectives: Readonly<Record<Task["kind"], Objective>> = {
  images: {
    loss: named,
    judge: () => {
      let [right, count] = [0, 0];
      return {
        see: (logits, { labels }) => {
          for (const one of rightAnswers(logits, labels)) right += one;
          count += labels.length;
        },
        verdict: (loss) => ({ loss, accuracy: right / count }),
      };
    },
  },
  text: {
    loss: named,
    judge: () => ({ see: () => {}, verdict: (loss) => ({ loss, bitsPerChar: loss / Math.LN2 }) }),
  },
  boxes: {
    loss: (outputs, batch) => detectionLoss(outputs, batch.labels, boxesOf(batch).offsets),
    judge: () => {
      const images: Judged[] = [];
      return {
        see: (outputs, batch) => {
          const found = detections(outputs);
          boxesOf(batch).objects.forEach((truths, i) => {
            images.push({ truths, detections: found[i] });
          });
        },
        verdict: (loss) => ({ loss, ...averagePrecision(images) }),
      };
    },
  },
};

function boxesOf({ boxes }: Batch): BoxTargets {
  if (boxes === undefined) throw expected("detection", "batches with boxes", "none", "Train on scenes");
  return boxes;
}

/** Less certain detections change no precision that counts, and would be most of all detections. */
const LEAST_SCORE = 0.01;

/** Decodes a detector's outputs [b, rows, columns, classes + 1 + 4] to the detections of each image of a batch. */
export function detections({ data, shape }: Tensor): Detection[][] {
  const [images, rows, columns, width] = shape;
  const classes = width - 5;
  return Array.from({ length: images }, (_, image) => {
    const found: Detection[] = [];
    for (let cell = 0; cell < rows * columns; cell++) {
      const at = (image * rows * columns + cell) * width;
      const logits = data.subarray(at, at + classes + 1);
      const largest = logits.reduce((a, b) => Math.max(a, b));
      const sum = logits.reduce((total, x) => total + Math.exp(x - largest), 0);
      const box = boxAt(data, at + classes + 1, Math.floor(cell / columns), cell % columns);
      for (let label = 0; label < classes; label++) {
        const score = Math.exp(logits[label] - largest) / sum;
        if (score >= LEAST_SCORE) found.push({ label, score, box });
      }
    }
    return suppress(found);
  });
}
