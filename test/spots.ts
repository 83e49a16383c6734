import { dataset } from "../src/core/data/dataset.ts";
import { Random } from "../src/core/random.ts";

/** Images whose class is where they are bright: 4x4, one channel, 3 classes. */
export const spots = (() => {
  const random = new Random(5);
  const split = (count: number) => {
    const labels = Uint8Array.from({ length: count }, () => random.integer(3));
    const images = Uint8Array.from(
      { length: count * 16 },
      (_, i) => random.integer(100) + (Math.floor((i % 16) / 5) === labels[Math.floor(i / 16)] ? 120 : 0),
    );
    return { count, images, labels };
  };
  return dataset({ name: "spots", shape: [4, 4, 1], classes: 3, train: split(96), test: split(40) });
})();
