/** Calls a kernel between guard words and compares what it wrote with the oracle. */
import { jsKernels } from "../js.ts";
import type { KernelName, Kernels } from "../kernels.ts";
import type { Numbers } from "../positions.ts";
import { type Argument, type ArrayArgument, arraysOf, SEED, type Trial, withArrays } from "./trials.ts";

/** An odd number of guard words, because a Float32Array need not be aligned to more than its elements. */
const GUARD = 17;

const GUARD_VALUE = 123;

/** Guard words behind an array; none for a sanitizer that watches the end of its memory. */
const GUARD_BEHIND = process.env.TRISPARSE_TEST_TIGHT === "1" ? 0 : GUARD;

/** Calls a kernel of one backend and returns copies of the arrays that it wrote. Throws if it wrote anywhere else. */
export function call(kernels: Kernels, name: KernelName, args: readonly Argument[]): Numbers[] {
  const arrays: { whole: Numbers; view: Numbers; argument: ArrayArgument }[] = [];
  const guarded = (argument: ArrayArgument): Numbers => {
    const { kind, values } = argument;
    const whole = kernels[kind](GUARD + values.length + GUARD_BEHIND).fill(GUARD_VALUE);
    const view = whole.subarray(GUARD, GUARD + values.length);
    view.set(values);
    arrays.push({ whole, view, argument });
    return view;
  };
  const passed = args.map((argument) => withArrays(argument, guarded));
  (kernels[name] as (...args: unknown[]) => void)(...passed);
  for (const { whole, view, argument } of arrays) {
    const outside = [...whole.subarray(0, GUARD), ...whole.subarray(GUARD + view.length)];
    if (outside.some((value) => value !== GUARD_VALUE)) throw new Error(`${name}: wrote outside of an array`);
    if (!argument.written && !sameBits(view, argument.values)) throw new Error(`${name}: wrote to an input`);
  }
  return arrays.filter(({ argument }) => argument.written).map(({ view }) => view.slice());
}

export function sameBits(a: Numbers, b: Numbers): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
}

/** The largest magnitude in an array, NaN and infinity left out. */
function largestOf(array: Numbers): number {
  let most = 0;
  for (let i = 0; i < array.length; i++) {
    const magnitude = Math.abs(array[i]);
    if (magnitude > most && magnitude < Infinity) most = magnitude;
  }
  return most;
}

/** The sums of magnitudes behind the outputs of a kernel that is a sum of products. */
export function magnitudesOf(name: KernelName, args: readonly Argument[]): Numbers[] {
  const absolute = (array: ArrayArgument): ArrayArgument =>
    array.kind === "float32" ? { ...array, values: (array.values as Float32Array).map(Math.abs) } : array;
  return call(
    jsKernels(),
    name,
    args.map((argument) => withArrays(argument, absolute) as Argument),
  );
}

interface Answer {
  readonly wanted: readonly Numbers[];
  readonly magnitudes: readonly Numbers[] | undefined;
  readonly multiplies: number;
}

const answers = new WeakMap<Trial, Answer>();

/** The answer of the oracle, computed once for all backends of a process: it takes most of the time. */
function answerTo(name: KernelName, one: Trial): Answer {
  const known = answers.get(one);
  if (known !== undefined) return known;
  const oracle = jsKernels();
  const wanted = call(oracle, name, one.args);
  const multiplies = oracle.multiplies();
  const answer = { wanted, multiplies, magnitudes: one.linear ? magnitudesOf(name, one.args) : undefined };
  answers.set(one, answer);
  return answer;
}

/** Runs a trial on a backend and the oracle; throws if they differ. */
export function check(kernels: Kernels, name: KernelName, one: Trial): void {
  const { about, args, tolerance } = one;
  const { wanted, magnitudes, multiplies } = answerTo(name, one);
  const before = kernels.multiplies();
  const got = call(kernels, name, args);
  const executed = kernels.multiplies() - before;
  const where = `${name} ${about} (TRISPARSE_TEST_SEED=${SEED})`;
  if (executed !== multiplies) throw new Error(`${where}: ${executed} multiply-adds, the oracle has ${multiplies}`);
  const arrays = arraysOf(args);
  // the words of a mask and the indices of a pack are not magnitudes
  const numbers = arrays.filter(({ kind }) => kind === "float32" || kind === "float64");
  const largestInput = Math.max(0, ...numbers.map(({ values }) => largestOf(values)));
  arrays
    .filter((argument) => argument.written)
    .forEach(({ exact, scale }, output) => {
      const largest = scale ?? Math.max(largestInput, largestOf(wanted[output]));
      const [right, found, sums] = [wanted[output], got[output], magnitudes?.[output]];
      for (let i = 0; i < right.length; i++) {
        const value = right[i];
        if (Object.is(found[i], value)) continue;
        const allowed = exact || !Number.isFinite(value) ? 0 : tolerance * (sums?.[i] ?? largest) + 1e-30;
        if (allowed > 0 && Math.abs(found[i] - value) <= allowed) continue;
        throw new Error(`${where}: output ${output} at ${i}: ${found[i]}, the oracle has ${value} +- ${allowed}`);
      }
    });
}

export function counted(kernels: Kernels, name: KernelName, args: readonly Argument[]): [Numbers, number] {
  const before = kernels.multiplies();
  const [output] = call(kernels, name, args);
  return [output, kernels.multiplies() - before];
}
