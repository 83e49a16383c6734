/** What the options of every method of every table promise, and the types that code is checked by. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TrisparseError } from "../../errors.ts";
import { defaultOf } from "../../options.ts";
import { activationMethods } from "./activations/methods.ts";
import type { MethodFactory } from "./define-method.ts";
import { inputGradMethods } from "./input-grad/methods.ts";
import { unstructuredMethods } from "./unstructured/methods.ts";
import { weightGradMethods } from "./weight-grad/methods.ts";
import { restored } from "./weight-grad/restored.ts";
import { dense } from "./weights/dense.ts";
import { weightMethods } from "./weights/methods.ts";
import { srSte } from "./weights/sr-ste.ts";

const tables: Record<string, readonly MethodFactory<{ readonly name: string }>[]> = {
  ...{ weights: weightMethods, unstructured: unstructuredMethods, activations: activationMethods },
  ...{ inputGrad: inputGradMethods, weightGrad: weightGradMethods },
};

for (const [table, methods] of Object.entries(tables)) {
  describe.each(methods.map((method) => [method.name, method] as const))(`${table}: the method %s`, (name, method) => {
    test("names itself, its source and what it does, and makes a method of this name", () => {
      expect(methods.filter((other) => other.name === name)).toEqual([method]);
      for (const text of [method.title, method.about, method.source]) expect(text).not.toBe("");
      expect(method().name).toBe(name);
    });

    test("refuses an option that it does not have, by its nearest", () => {
      for (const [given, nearest] of [...Object.keys(method.options).map((key) => [`${key}x`, key]), ["pattern"]]) {
        const error = new RegExp(`^method ${name}: expected .*, got "${given}". `);
        expect(() => method({ [given]: 1 })).toThrow(error);
        if (nearest !== undefined) expect(() => method({ [given]: 1 })).toThrow(`Perhaps you mean "${nearest}".`);
      }
    });

    for (const [key, option] of Object.entries(method.options)) {
      const refused = `method ${name}: expected ${key} `;
      // a table's types know no others than numbers and words; a caller without types may give anything
      const given = (value: unknown) => () => method({ [key]: value as number });

      test(`says what ${key} is, and takes its default as given`, () => {
        expect(option.about).not.toBe("");
        expect(given(defaultOf(option))).not.toThrow();
        for (const word of option.words ?? []) expect(given(word)).not.toThrow();
      });

      test(`refuses a ${key} of another kind`, () => {
        for (const value of [null, true, [], {}, "no such word", ""]) expect(given(value)).toThrow(refused);
        if (option.kind === "word") for (const value of [0, Number.NaN]) expect(given(value)).toThrow(refused);
      });

      if (option.kind !== "number") continue;
      const { min, max, integer = false } = option;

      test(`takes a ${key} within its range alone`, () => {
        for (const value of [min, max]) expect(given(value)).not.toThrow();
        for (const value of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, min - 1, max + 1]) {
          expect(given(value)).toThrow(refused);
        }
        fc.assert(
          fc.property(fc.oneof(fc.double({ min, max, noNaN: true }), fc.double()), (value) => {
            const taken = value >= min && value <= max && (!integer || Number.isInteger(value));
            if (taken) expect(given(value)).not.toThrow();
            else expect(given(value)).toThrow(refused);
          }),
        );
      });
    }
  });
}

test("errors are whole sentences with what to do", () => {
  expect(() => srSte({ lambda: 1e9 })).toThrow(
    new TrisparseError(
      'method sr-ste: expected lambda from -1 to 1 or "scaled", got 1000000000. Left out it is 0.0002.',
    ),
  );
  // @ts-expect-error: no such option
  expect(() => srSte({ lamda: 3 })).toThrow(
    new TrisparseError(
      'method sr-ste: expected an option (lambda, refresh, form), got "lamda". Perhaps you mean "lambda".',
    ),
  );
});

test("code that gives another type does not compile, and is refused", () => {
  // @ts-expect-error: a number
  expect(() => srSte({ lambda: "large" })).toThrow("expected lambda");
  // @ts-expect-error: one of two words
  expect(() => srSte({ form: "measured" })).toThrow("expected form");
  // @ts-expect-error: one word, or a number
  expect(() => restored({ restore: "columns" })).toThrow("expected restore");
  // @ts-expect-error: an object
  expect(() => srSte(0.5)).toThrow("expected an object of options (lambda, refresh, form), got 0.5");
  // @ts-expect-error: it has none
  expect(() => dense({ lambda: 1 })).toThrow('expected no options, got "lambda"');
  expect(() => restored({ restore: "measured", mask: "authors", scale: 2 })).not.toThrow();
});
