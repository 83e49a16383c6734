import { describe, expect, test } from "vitest";
import { parseRecipe } from "./recipe.ts";
import { weakDecayText } from "./weak-decay.ts";

const sgd = { name: "sgd", learningRate: 0.05, momentum: 0.9, schedule: { name: "constant", warmup: 0 } };
const text = (method: object, optimizer: object = sgd, steps = 1000): string | undefined =>
  weakDecayText(parseRecipe({ method, optimizer, steps }), steps);

describe("a decay of pruned weights that is too weak for the run", () => {
  test("is told, with what it does and with the strength that does what the source's does", () => {
    // 2e-4 * 0.05 * 1010 / (1 - 0.9) is just above 0.1, and with 999 steps 1 - exp(-0.0999) is 9.5 %
    expect(text({ name: "sr-ste" }, sgd, 1010)).toBeUndefined();
    expect(text({ name: "sr-ste" }, sgd, 999)).toBe(
      "sr-ste: with lambda 0.0002 a weight that stays pruned loses 9.5 % over these 999 steps, which is nearly STE. " +
        'lambda "scaled", here 0.12, decays as far as the source\'s training.',
    );
    expect(text({ name: "sr-ste", lambda: -2e-4 }, sgd, 500)).toContain("a weight that stays pruned gains 5.1 % over");
    // a tenth of it without momentum
    expect(text({ name: "sr-ste", lambda: 1e-3 }, { ...sgd, momentum: 0 })).toContain("loses 4.9 %");
    expect(text({ name: "sr-ste", lambda: 1e-3 })).toBeUndefined();
  });

  test("is told of every method with this decay, and of the decoupled form under any optimizer", () => {
    for (const name of ["sr-ste", "transposable", "maxq", "domino"]) {
      expect(text({ name }, sgd, 500)).toContain(`${name}: with lambda 0.0002`);
    }
    expect(text({ name: "sr-ste", form: "decoupled" })).toContain("loses 1.0 %");
    expect(text({ name: "sr-ste", form: "decoupled" }, { name: "adamw" })).toContain("nearly STE");
  });

  test("is not told where it is 0, scaled, divided by Adam's variance, or of another kind", () => {
    for (const method of [{ name: "sr-ste", lambda: 0 }, { name: "sr-ste", lambda: "scaled" }, { name: "ste" }]) {
      expect(text(method, sgd, 10)).toBeUndefined();
    }
    expect(text({ name: "sr-ste" }, { name: "adamw" }, 10)).toBeUndefined();
    expect(text({ name: "ast", lambda: 1e-6 }, sgd, 10)).toBeUndefined();
    expect(text({ name: "prune" }, sgd, 10)).toBeUndefined();
  });
});
