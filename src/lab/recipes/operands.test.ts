/** A method is the same from a recipe and from code, and a recipe refuses what the method itself refuses. */
import { describe, expect, test } from "vitest";
import { Training } from "../../../test/training.ts";
import { defaultOf, type Option, type OptionSchema } from "../../core/options.ts";
import { activationMethods } from "../../core/sparsity/methods/activations/methods.ts";
import { inputGradMethods } from "../../core/sparsity/methods/input-grad/methods.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../../core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { operandsOf, unstructuredMethodOf, weightMethodOf } from "./operands.ts";
import { parseRecipe } from "./recipe.ts";

/** A value for each option that is not its default: of words the last, of numbers one between the default and a bound. */
function others(options: OptionSchema): Record<string, number | string> {
  const other = (option: Option): number | string => {
    if (option.kind === "word") return option.words.at(-1)!;
    const { default: value, min, max, integer = false } = option;
    if (integer) return value + 1;
    return (value + (value === max ? min : Math.min(max, 2 * value + 0.1))) / 2;
  };
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, other(option)]));
}

describe.each(weightMethods.map((method) => [method.name, method] as const))("the method %s", (name, method) => {
  const options = others(method.options);

  test.each([
    ["its defaults", {}],
    ["other options", options],
  ])("trains with the same bits from a recipe and from code: %s", (_, given) => {
    const steps = 12;
    const recipe = parseRecipe({ method: { name, ...given } });
    const [fromRecipe, fromCode] = [() => weightMethodOf(recipe), () => method(given)].map((make) => {
      if (!method.sparse) return make().name;
      const training = new Training(make, { steps });
      const losses = Array.from({ length: steps }, () => training.step());
      return { losses, weight: [...training.weight.data], used: [...training.usedLast()] };
    });
    expect(fromRecipe).toEqual(fromCode);
  });
});

const tables = [
  ["method", weightMethods],
  ["method", unstructuredMethods],
  ["activations", activationMethods],
  ["inputGrad", inputGradMethods],
  ["weightGrad", weightGradMethods],
] as const;

describe.each(tables.flatMap(([key, methods]) => methods.map((method) => [key, method.name, method] as const)))(
  "a recipe's %s %s",
  (key, name, method) => {
    const parse = (options: object) => () => parseRecipe({ [key]: { name, ...options } });

    test("has the defaults of the method", () => {
      const defaults = Object.entries(method.options).map(([option, one]) => [option, defaultOf(one)]);
      expect(parse({})()[key]).toMatchObject(Object.fromEntries(defaults));
    });

    test("is made of what it says", () => {
      const recipe = parse(others(method.options))();
      const { activations, inputGrad, weightGrad } = operandsOf(recipe);
      const made = {
        method: unstructuredMethodOf(recipe) ?? weightMethodOf(recipe),
        activations: activations?.method,
        ...{ inputGrad: inputGrad?.method, weightGrad: weightGrad?.method },
      };
      expect(made[key]?.name).toBe(name);
    });

    test("refuses what the method refuses", () => {
      expect(parse({ lamda: 1 })).toThrow(`${key}: unknown key "lamda"`);
      for (const [option, one] of Object.entries(method.options)) {
        const wrong = one.kind === "word" ? [] : [one.min - 1, one.max + 1, Number.NaN];
        if (one.kind === "number" && one.integer === true) wrong.push(one.min + 0.5);
        for (const value of ["no such word", true, ...wrong]) {
          expect(() => method({ [option]: value as string })).toThrow(`expected ${option} `);
          expect(parse({ [option]: value })).toThrow(`${key}.${option}: `);
        }
      }
    });
  },
);
