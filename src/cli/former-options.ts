/** The names that options had in version 0.1: they still work, and a message gives the present ones. */

const FORMER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  compare: { "--batch": "--batch-size", "--train": "--limit" },
  account: { "--batch": "--batch-size" },
  bench: { "--batch": "--batch-size" },
};

/** The words of a command line, with the options of its verb by their present names. */
export function withCurrentOptions(
  [verb, ...words]: readonly string[],
  onFormer: (former: string, now: string) => void,
): string[] {
  if (verb === undefined) return [];
  const names = Object.hasOwn(FORMER, verb) ? FORMER[verb] : {};
  return [
    verb,
    ...words.map((word) => {
      const [option] = word.split("=", 1);
      if (!Object.hasOwn(names, option)) return word;
      onFormer(option, names[option]);
      return names[option] + word.slice(option.length);
    }),
  ];
}
