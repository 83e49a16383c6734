/**
 * The data set "scenes": 48 x 48 grey canvases with one to four drawn digits of several sizes among clutter, generated
 * here. The task is to find the class and the box of each digit. A box is exact: it holds the pixels that the digit
 * alone would ink.
 */

import {
  type BoxDataset,
  type BoxedObject,
  type BoxSplit,
  type BoxTask,
  boxDataset,
  type DataSource,
  type LoadOptions,
  limitedCount,
} from "../../core/data/dataset.ts";
import { Random } from "../../core/random.ts";
import { between, develop, drawDigit, type Range, slant } from "./digits.ts";
import { inkPath, smoothPath } from "./pen.ts";

const SIZE = 48;
const TRAIN = 8_000;
const TEST = 1_000;
// Scene i draws from stream "scen" + i, those of the test split from 2^31 further on: digits.ts uses the streams from 0
// on.
const STREAM = 0x7363656e;
const TEST_STREAM = STREAM + 0x8000_0000;

/** How much scenes vary, in pixels, with ink in 0..1. */
const variety = {
  /**
   * The most digits in a scene. Digits that do not fit are tried again only so often, so scenes of four are a little
   * rarer.
   */
  digits: 4,
  height: [12, 26],
  /** Width as a share of the height. */
  width: [0.65, 0.95],
  /** Radius of the pen as a share of the height: pens grow with what they write. */
  radius: [0.05, 0.085],
  ink: [0.55, 1],
  strokes: 5,
  blobs: 3,
  clutterInk: [0.2, 0.75],
  grain: [0, 0.2],
} as const;

/** The least ink of a pixel that belongs to a digit. */
const SEEN = 0.25;
/** The largest share of the smaller one of two boxes that the other may cover. */
const OVERLAP = 0.15;
/** The least distance of two centers along x or y, so that they lie in different cells (cells.ts). */
const APART = 8;
const TRIES = 12;

const task: BoxTask = { kind: "boxes", shape: [SIZE, SIZE, 1], classes: 10 };

/** The data set; it uses `seed` and `limit` only. */
export const scenes: DataSource<BoxDataset> = {
  name: "scenes",
  description: "48x48 grey canvases with one to four digits among clutter, made on the spot (8,000 + 1,000)",
  task,
  isMade: true,
  load: async (options) => makeScenes(options),
};

/**
 * Generates 8000 scenes to train and 1000 to test. Scene i depends on (seed, split, i) alone, so a limited set is a
 * prefix of the whole one.
 */
export function makeScenes({ seed = 0, limit }: Pick<LoadOptions, "seed" | "limit"> = {}): BoxDataset {
  return boxDataset({
    name: scenes.name,
    shape: task.shape,
    classes: task.classes,
    train: sceneSplit(seed, STREAM, limitedCount(TRAIN, limit?.train)),
    test: sceneSplit(seed, TEST_STREAM, limitedCount(TEST, limit?.test)),
  });
}

function sceneSplit(seed: number, firstStream: number, count: number): BoxSplit {
  const pixels = SIZE * SIZE;
  const images = new Uint8Array(count * pixels);
  const canvas = new Float64Array(pixels);
  const layer = new Float64Array(pixels);
  const objects = Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, firstStream + i);
    canvas.fill(0);
    drawClutter(canvas, random);
    const found: BoxedObject[] = [];
    const wanted = 1 + random.integer(variety.digits);
    for (let tries = 0; found.length < wanted && (tries < TRIES || found.length === 0); tries++) {
      const label = random.integer(task.classes);
      const box = drawAnywhere(layer, label, random);
      const ink = between(random, variety.ink);
      if (box === null || found.some((other) => crowded(box, other.box))) continue;
      cover(canvas, layer, ink);
      found.push({ label, box });
    }
    develop(images.subarray(i * pixels, (i + 1) * pixels), canvas, random, { ink: [1, 1], grain: variety.grain });
    return found;
  });
  return { count, images, objects };
}

/** Draws a digit alone on the layer. Returns its box, or null if it would touch the border. */
function drawAnywhere(layer: Float64Array, label: number, random: Random): BoxedObject["box"] | null {
  const height = between(random, variety.height);
  const width = height * between(random, variety.width);
  const [x, y] = [width, height].map((side) => between(random, [side / 2 + 1, SIZE - side / 2 - 1]));
  layer.fill(0);
  const radii: Range = [height * variety.radius[0], height * variety.radius[1]];
  drawDigit(layer, SIZE, label, random, () => ({ x, y, width, height, ...slant(random) }), radii);
  let [left, top, right, bottom] = [SIZE, SIZE, 0, 0];
  for (let i = 0; i < layer.length; i++) {
    if (layer[i] < SEEN) continue;
    const [row, column] = [Math.floor(i / SIZE), i % SIZE];
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
  }
  // a digit that is cut off by the border would have another box
  return left > 0 && top > 0 && right < SIZE && bottom < SIZE ? [left, top, right, bottom] : null;
}

function crowded(a: BoxedObject["box"], b: BoxedObject["box"]): boolean {
  const distance = [0, 1].map((axis) => Math.abs(a[axis] + a[axis + 2] - b[axis] - b[axis + 2]) / 2);
  if (Math.max(...distance) < APART) return true;
  const sides = [0, 1].map((axis) => Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis])));
  const area = ([left, top, right, bottom]: BoxedObject["box"]): number => (right - left) * (bottom - top);
  return sides[0] * sides[1] > OVERLAP * Math.min(area(a), area(b));
}

/** Draws bows and blobs anywhere, fainter than most digits. */
function drawClutter(canvas: Float64Array, random: Random): void {
  const place = (): number => between(random, [0, SIZE]);
  const ink = (path: readonly number[], radius: Range): void =>
    inkPath(canvas, SIZE, path, {
      radius: between(random, radius),
      ink: between(random, variety.clutterInk),
      taper: [1, 1],
    });
  const strokes = random.integer(variety.strokes + 1);
  for (let i = 0; i < strokes; i++) {
    const points = [place(), place()];
    for (let j = 2; j < 6; j++) points.push(points[j - 2] + 5 * random.normal());
    ink(smoothPath(points), [0.5, 1.6]);
  }
  const blobs = random.integer(variety.blobs + 1);
  for (let i = 0; i < blobs; i++) {
    const [x, y] = [place(), place()];
    ink([x, y, x, y], [1.5, 4]);
  }
}

/** Inks a layer on the canvas; a pixel keeps the darkest ink. */
function cover(canvas: Float64Array, layer: Float64Array, ink: number): void {
  for (let i = 0; i < canvas.length; i++) canvas[i] = Math.max(canvas[i], ink * layer[i]);
}
