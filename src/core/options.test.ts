/** What is given as options is told apart from what may be given. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TrisparseError } from "./errors.ts";
import { checkFlags, checkNumbers, checkWords, completeOptions, number, requireOptions, word } from "./options.ts";

const schema = {
  share: number({ default: 0.5, min: 0, max: 1, about: "of all" }),
  every: number({ default: 3, min: 1, max: 9, integer: true, about: "steps" }),
  rule: number({ default: 0.25, min: 0, max: 1, words: ["measured"], about: "how much" }),
  form: word(["linear", "cubic"], "how it falls"),
};
// as a caller without types may give it
const complete = (given?: unknown) => completeOptions("here", schema, given as object);

describe("options", () => {
  test("left out, or undefined, take their defaults; what is given stays", () => {
    const defaults = { share: 0.5, every: 3, rule: 0.25, form: "linear" };
    expect(complete()).toEqual(defaults);
    expect(complete({ share: undefined, rule: "measured", form: "cubic" })).toEqual({
      ...{ ...defaults, rule: "measured", form: "cubic" },
    });
    expect(complete({ share: 0, every: 9 })).toEqual({ ...defaults, share: 0, every: 9 });
  });

  test.each([
    [{ share: 2 }, "here: expected share from 0 to 1, got 2. Left out it is 0.5."],
    [{ share: Number.NaN }, "here: expected share from 0 to 1, got NaN. Left out it is 0.5."],
    [{ share: "0.5" }, 'here: expected share from 0 to 1, got "0.5". Left out it is 0.5.'],
    [{ share: null }, "here: expected share from 0 to 1, got null. Left out it is 0.5."],
    [{ share: [1] }, "here: expected share from 0 to 1, got an array. Left out it is 0.5."],
    [{ every: 2.5 }, "here: expected every as a whole number from 1 to 9, got 2.5. Left out it is 3."],
    [{ rule: "mesured" }, 'here: expected rule from 0 to 1 or "measured", got "mesured". Perhaps you mean "measured".'],
    [{ form: "cubik" }, 'here: expected form "linear" or "cubic", got "cubik". Perhaps you mean "cubic".'],
    [{ form: 3 }, 'here: expected form "linear" or "cubic", got 3. Left out it is "linear".'],
    [{ shar: 1 }, 'here: expected an option (share, every, rule, form), got "shar". Perhaps you mean "share".'],
    [{ q: 1 }, 'here: expected an option (share, every, rule, form), got "q". Leave it out.'],
    [0.5, "here: expected an object of options (share, every, rule, form), got 0.5. Name each value."],
    [null, "here: expected an object of options (share, every, rule, form), got null. Name each value."],
    [[], "here: expected an object of options (share, every, rule, form), got an array. Name each value."],
  ])("%j are refused with what is expected", (given, message) => {
    expect(() => complete(given)).toThrow(new TrisparseError(message));
  });

  test("of which there are none are refused by any name", () => {
    // @ts-expect-error: there are none
    expect(() => completeOptions("here", {}, { share: 1 })).toThrow(
      'here: expected no options, got "share". Leave it out.',
    );
    expect(() => requireOptions<object>("Layer", { stride: 1, pading: 1 }, { stride: true, padding: true })).toThrow(
      'Layer: expected an option (stride, padding), got "pading". Perhaps you mean "padding".',
    );
  });
});

describe("numbers", () => {
  test("lie within bounds or are refused: any double", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.double(), fc.double({ min: -2, max: 2, noNaN: true }), fc.integer({ min: -2, max: 2 })),
        fc.boolean(),
        (value, integer) => {
          const check = (bounds: object) => () => checkNumbers("here", { value }, { ...bounds, integer });
          const legal = Number.isFinite(value) && (!integer || value % 1 === 0);
          const expectOf = (bounds: object, within: boolean): void => {
            if (legal && within) expect(check(bounds)).not.toThrow();
            else expect(check(bounds)).toThrow("here: expected value ");
          };
          expectOf({}, true);
          expectOf({ min: -1, max: 1 }, value >= -1 && value <= 1);
          expectOf({ above: -1, below: 1 }, value > -1 && value < 1);
        },
      ),
    );
  });

  test.each([
    [{}, "as a finite number"],
    [{ min: 0 }, "of 0 or more"],
    [{ min: 0, below: 1 }, "of 0 or more and below 1"],
    [{ above: 0, max: 1 }, "above 0 and of at most 1"],
    [{ min: 0, integer: true }, "as a whole number of 0 or more"],
  ])("of %j are told as such", (bounds, words) => {
    expect(() => checkNumbers("here", { value: Number.NaN }, bounds)).toThrow(`expected value ${words}, got NaN.`);
  });
});

test("words and flags are those that there are", () => {
  expect(() => checkWords("here", { form: "b" }, ["a", "b"])).not.toThrow();
  expect(() => checkWords("here", { form: "c" }, ["a", "b"])).toThrow('expected form "a" or "b", got "c"');
  expect(() => checkFlags("here", { on: true, off: false })).not.toThrow();
  expect(() => checkFlags("here", { on: 1 })).toThrow("expected on true or false, got 1");
});
