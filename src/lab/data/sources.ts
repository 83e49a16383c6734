/** The table of data sets by name. A new one is one file and one line here. */

import type { DataSource, Dataset, LoadOptions } from "../../core/data/dataset.ts";
import { withValidation } from "../../core/data/validation.ts";
import { expected, nearest } from "../../core/errors.ts";
import { cifar10 } from "./cifar10.ts";
import { digits } from "./digits.ts";
import { idxImages } from "./idx.ts";
import { scenes } from "./scenes.ts";
import { shuffledPixels } from "./shuffled.ts";
import { text } from "./text.ts";

/** MNIST (LeCun, Cortes, Burges), from the copy that PyTorch keeps: the original server often refuses. */
const mnist = idxImages({
  name: "mnist",
  description: "28x28 grey handwritten digits, 10 classes (60,000 + 10,000 images, 12 MB download)",
  classes: 10,
  url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
  sha256: [
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
  ],
});

/** Fashion-MNIST (Zalando). Its server speaks plain http only; the hashes make that safe. */
const fashionMnist = idxImages({
  name: "fashion-mnist",
  description: "28x28 grey pictures of clothes, 10 classes (60,000 + 10,000 images, 31 MB download)",
  classes: 10,
  url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
  sha256: [
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
  ],
});

/** All data sets by name. */
export const sources: Readonly<Record<string, DataSource>> = Object.fromEntries(
  [digits, mnist, fashionMnist, cifar10, text, scenes].map((source) => [source.name, source]),
);

/** Loads a data set by name. Throws on an unknown name and on missing or damaged files. */
export async function loadData(name: string, options: LoadOptions = {}): Promise<Dataset> {
  if (!Object.hasOwn(sources, name)) {
    const names = Object.keys(sources);
    const near = nearest(name, names);
    throw expected(
      "data",
      `one of ${names.join(", ")}`,
      `"${name}"`,
      near === undefined ? "Choose one of these" : `Perhaps you mean "${near}"`,
    );
  }
  const data = await sources[name].load(options);
  const ordered = options.shuffled === true ? shuffledPixels(data) : data;
  return options.validation === undefined ? ordered : withValidation(ordered, options.validation);
}
