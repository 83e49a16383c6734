/** What a check of the validation library wanted, in our words: "a whole number", "a number of 1 or more". */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

const KINDS: Readonly<Record<string, string>> = {
  ...{ number: "a number", int: "a whole number", string: "text", boolean: "true or false", null: "null" },
  ...{ array: "a list", object: "an object", record: "an object", nan: "a number" },
};

/** The bound of a value, or of the length of a list or a text. */
function bounded(
  origin: string,
  bound: number | bigint,
  words: readonly [inclusive: string, exclusive: string],
  inclusive = true,
): string {
  const range = inclusive ? words[0].replace("#", `${bound}`) : words[1].replace("#", `${bound}`);
  if (origin === "array" || origin === "set") return `a list with ${range} entries`;
  if (origin === "string") return bound === 1 ? "text that is not empty" : `text with ${range} characters`;
  return `a number ${origin === "int" ? "(whole) " : ""}${range}`;
}

/** In our own words, without a period; our own checks have written theirs already. */
export function wanted(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${KINDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      return `expected ${bounded(issue.origin, issue.minimum, ["of # or more", "above #"], issue.inclusive)}`;
    case "too_big":
      return `expected ${bounded(issue.origin, issue.maximum, ["of at most #", "below #"], issue.inclusive)}`;
    case "invalid_value":
      return `expected one of ${issue.values.map(String).join(", ")}`;
    case "invalid_union": {
      // each of the ways in which it could have been right
      const ways = issue.errors.flatMap(([first]) =>
        first === undefined ? [] : [wanted(first).replace(/^expected /, "")],
      );
      return ways.length === 0 ? "expected another value" : `expected ${[...new Set(ways)].join(", or ")}`;
    }
    case "not_multiple_of":
      return `expected a multiple of ${issue.divisor}`;
    case "unrecognized_keys":
      return `expected no key ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`;
    default:
      return issue.message;
  }
}
