/** The names that options had in version 0.1: they still work, and a message gives the present ones. */

const ROUTE = { "--route": "--compute" };

const FORMER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  compare: { "--batch": "--batch-size", "--train": "--limit", ...ROUTE },
  account: { "--batch": "--batch-size" },
  bench: { "--batch": "--batch-size", ...ROUTE },
  train: ROUTE,
  explain: ROUTE,
};

/** The value of 0.1's --route as one of --compute: what was dense arithmetic on zeros there is called emulated. */
export function formerRoute(value: string): string {
  return value === "dense" ? "emulated" : value;
}

/** The words of a command line with the options of its verb by their names of today. */
export function withCurrentOptions(
  [verb, ...words]: readonly string[],
  onFormer: (former: string, now: string) => void,
): string[] {
  if (verb === undefined) return [];
  const names = Object.hasOwn(FORMER, verb) ? FORMER[verb] : {};
  const current: string[] = [verb];
  let awaited: string | null = null;
  for (const word of words) {
    const [option, ...value] = word.split("=");
    if (Object.hasOwn(names, option)) {
      onFormer(option, names[option]);
      const given = value.join("=");
      current.push(
        value.length === 0 ? names[option] : `${names[option]}=${option === "--route" ? formerRoute(given) : given}`,
      );
      awaited = value.length === 0 ? option : null;
      continue;
    }
    current.push(awaited === "--route" ? formerRoute(word) : word);
    awaited = null;
  }
  return current;
}
