/** Makes a data set of a text. */
import { type LoadOptions, limitedCount, type TextDataset } from "./dataset.ts";

const TRAINING_SHARE = 0.9;

/**
 * A data set of this text. Its tokens are characters, numbered in the order of the different ones of the whole text.
 */
export function textDataset(content: string, limit: LoadOptions["limit"] = {}): TextDataset {
  // split by code points: a character beyond 16 bits is one
  const characters = Array.from(content);
  const order = (a: string, b: string): number => a.codePointAt(0)! - b.codePointAt(0)!;
  const vocabulary = [...new Set(characters)].sort(order);
  const tokenOf = new Map(vocabulary.map((character, token) => [character, token]));
  const tokens = Uint32Array.from(characters, (character) => tokenOf.get(character)!);
  const cut = Math.floor(TRAINING_SHARE * tokens.length);
  const [train, test] = [tokens.subarray(0, cut), tokens.subarray(cut)];
  return {
    ...{ kind: "text", name: "text", classes: vocabulary.length, vocabulary },
    train: train.subarray(0, limitedCount(train.length, limit.train, "characters")),
    test: test.subarray(0, limitedCount(test.length, limit.test, "characters")),
  };
}
