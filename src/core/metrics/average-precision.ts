/**
 * Measures an object detector by its average precision, as COCO's evaluation computes it (Lin et al. 2014; cocoeval.py
 * of pycocotools), over all sizes of objects, with at most 100 detections an image. Differences: (1) no crowds and no
 * ignored regions; (2) recalls are compared with 0, 0.01, ..., 1 in whole numbers, where cocoeval.py compares rounded
 * quotients.
 */

/** A box, by its edges in pixels. */
export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** An object that is in an image. */
export interface Truth {
  readonly label: number;
  readonly box: Box;
}

/** An object that a detector finds in an image. */
export interface Detection extends Truth {
  /** Confidence of the detector; higher is more certain. */
  readonly score: number;
}

/** One image: the objects in it, and the detections in it. */
export interface Judged {
  readonly truths: readonly Truth[];
  readonly detections: readonly Detection[];
}

const MOST_DETECTIONS = 100;
const RECALLS = 100;
/** The overlaps 0.5, 0.55, ..., 0.95. */
export const OVERLAPS: readonly number[] = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);

/** Intersection over union of two boxes; 0 if both are empty. */
export function overlapOf(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = ([left, top, right, bottom]: Box): number => (right - left) * (bottom - top);
  const shared = width * height;
  return shared / (area(a) + area(b) - shared);
}

/**
 * Non-maximum suppression: keeps the most certain detections and drops those of the same class that overlap a kept one
 * by more than `most`. At most 100 are kept.
 */
export function suppress(detections: readonly Detection[], most = 0.5): Detection[] {
  const kept: Detection[] = [];
  for (const one of bySureness(detections)) {
    if (kept.length === MOST_DETECTIONS) break;
    if (kept.every(({ label, box }) => label !== one.label || overlapOf(box, one.box) <= most)) kept.push(one);
  }
  return kept;
}

export interface AveragePrecision {
  /** Mean over the classes at an overlap of 0.5. */
  readonly ap50: number;
  /** Mean over the classes and the overlaps 0.5, 0.55, ..., 0.95. */
  readonly ap: number;
}

/** The average precision over the classes that occur in some image; NaN if there is no object. */
export function averagePrecision(images: readonly Judged[]): AveragePrecision {
  const classes = [...new Set(images.flatMap(({ truths }) => truths.map(({ label }) => label)))];
  const curves = classes.map((label) => {
    const own = images.map(({ truths, detections }) => ({
      truths: truths.filter((one) => one.label === label).map(({ box }) => box),
      detections: bySureness(detections.filter((one) => one.label === label)).slice(0, MOST_DETECTIONS),
    }));
    return OVERLAPS.map((overlap) => precisionOf(own, overlap));
  });
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { ap50: mean(curves.map(([at50]) => at50)), ap: mean(curves.map(mean)) };
}

/** Detections in falling order of their scores; equal ones keep their order. */
function bySureness<T extends { readonly score: number }>(detections: readonly T[]): T[] {
  return [...detections].sort((a, b) => b.score - a.score);
}

interface OfOneClass {
  readonly truths: readonly Box[];
  readonly detections: readonly Detection[];
}

/**
 * The mean of the precision at 101 recalls; the precision at a recall is the largest at that recall or a higher one.
 */
function precisionOf(images: readonly OfOneClass[], overlap: number): number {
  const there = images.reduce((sum, { truths }) => sum + truths.length, 0);
  const said = bySureness(images.flatMap((image) => matched(image, overlap)));
  let right = 0;
  const curve = said.map(({ isRight }, i) => {
    if (isRight) right++;
    return { right, precision: right / (i + 1) };
  });
  for (let i = curve.length - 2; i >= 0; i--) {
    curve[i].precision = Math.max(curve[i].precision, curve[i + 1].precision);
  }
  let [at, sum] = [0, 0];
  for (let recall = 0; recall <= RECALLS; recall++) {
    while (at < curve.length && curve[at].right * RECALLS < recall * there) at++;
    sum += curve[at]?.precision ?? 0;
  }
  return sum / (RECALLS + 1);
}

/**
 * Matches detections with truths: the most certain one takes the free truth that it overlaps most; of equals the last.
 */
function matched({ truths, detections }: OfOneClass, overlap: number): { score: number; isRight: boolean }[] {
  const taken = new Set<number>();
  return detections.map(({ score, box }) => {
    let [best, found] = [overlap, -1];
    truths.forEach((truth, i) => {
      const shared = overlapOf(truth, box);
      if (taken.has(i) || shared < best) return;
      [best, found] = [shared, i];
    });
    if (found >= 0) taken.add(found);
    return { score, isRight: found >= 0 };
  });
}
