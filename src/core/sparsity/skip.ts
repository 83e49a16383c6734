/** Rules that leave weights dense: parts of names, "first", "last", narrow ones. */
import { expected } from "../errors.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { MultiplyingWeight, Products } from "./layers.ts";

/** The items that `skip` may hold, in words. */
export const SKIP_FORM = 'a part of a name, "first", "last", "inputs<N" or "outputs<N" (along the axis of its groups)';

const GROUPED = "grouped convolution: no sparse kernel";

/** Why each weight stays dense, by what `skip` says or for want of a kernel; undefined where it need not. */
export function skipReasons(
  weights: readonly MultiplyingWeight[],
  skip: readonly string[],
  products?: ReadonlyMap<Parameter, Products>,
): (string | undefined)[] {
  requireNames(weights, "skip", skip, `${SKIP_FORM} of `);
  return weights.map((weight, i) => {
    if (weight.groups > 1) return GROUPED;
    const traced = products?.get(weight.weight);
    const isFirst = traced?.isFirst ?? i === 0;
    const isLast = traced?.isLast ?? i === weights.length - 1;
    return skip.map((item) => skippedBy(item, weight, isFirst, isLast)).find((reason) => reason !== undefined);
  });
}

/** Throws unless each of `parts` is a rule, or a part of the name of one of these weights. */
export function requireNames(
  weights: readonly MultiplyingWeight[],
  where: string,
  parts: readonly string[],
  form: string,
): void {
  const isKnown = (part: string): boolean =>
    weights.some(({ name, otherNames }) => [name, ...otherNames].some((path) => path.includes(part)));
  const unknown = parts.find((part) => !isRule(part) && !isKnown(part));
  if (unknown === undefined) return;
  const names = weights.map(({ name }) => name).join(", ");
  throw expected(where, `${form}${names}`, JSON.stringify(unknown), "Correct it or leave it out");
}

const NARROW = /^(inputs|outputs)<(\d+)$/;

function isRule(item: string): boolean {
  return item === "first" || item === "last" || NARROW.test(item);
}

/** Why an item of `skip` leaves this weight dense; undefined if it does not. */
function skippedBy(
  item: string,
  { name, otherNames, rows, axis, axisLength }: MultiplyingWeight,
  isFirst: boolean,
  isLast: boolean,
): string | undefined {
  if (item === "first") return isFirst ? "the first layer stays dense" : undefined;
  if (item === "last") return isLast ? "the last layer stays dense" : undefined;
  const narrow = NARROW.exec(item);
  if (narrow === null)
    return [name, ...otherNames].some((path) => path.includes(item)) ? `skipped by "${item}"` : undefined;
  const length = narrow[1] === "outputs" ? rows : axisLength;
  const what = narrow[1] === "outputs" ? "outputs" : axis;
  return length < Number(narrow[2]) ? `${length} ${what}, below ${narrow[2]}` : undefined;
}
