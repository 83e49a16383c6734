import { type Dataset, KIND_WORDS, type Split } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import { Random } from "../../core/random.ts";

// "pixs": the stream of the order of pixels
const PIXEL_STREAM = 0x70697873;

/**
 * Puts the pixels of images in another order, the same for all images of all splits: the content of an image stays,
 * but neighbors are no longer similar. The order is a draw of seed 0, so that runs of all seeds see the same task.
 */
export function shuffledPixels(data: Dataset): Dataset {
  if (data.kind !== "images") throw expected("shuffled", "images", KIND_WORDS[data.kind], "Leave it out");
  const [height, width, channels] = data.shape;
  const pixels = height * width;
  const order = Int32Array.from({ length: pixels }, (_, i) => i);
  const random = new Random(0, PIXEL_STREAM);
  for (let i = pixels - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const shuffle = ({ count, images, labels }: Split): Split => {
    const moved = new Uint8Array(images.length);
    for (let image = 0; image < count; image++) {
      const begin = image * pixels;
      for (let pixel = 0; pixel < pixels; pixel++) {
        const [to, from] = [(begin + pixel) * channels, (begin + order[pixel]) * channels];
        for (let channel = 0; channel < channels; channel++) moved[to + channel] = images[from + channel];
      }
    }
    return { count, images: moved, labels };
  };
  return { ...data, train: shuffle(data.train), test: shuffle(data.test) };
}
