import { expect, test } from "vitest";
import { requireOptions } from "./options.ts";

interface Options {
  readonly stride?: number;
  readonly padding?: number;
}
const known = { stride: true, padding: true } as const;

test("known options pass, one that nobody knows is named, with the nearest", () => {
  expect(() => requireOptions("Pool", {} as Options, known)).not.toThrow();
  expect(() => requireOptions("Pool", { stride: 2, padding: 1 } as Options, known)).not.toThrow();
  // as a caller without types gives them
  expect(() => requireOptions("Pool", { paddin: 1 } as Options, known)).toThrow(
    'Pool: expected options stride, padding, got "paddin". Perhaps you mean "padding".',
  );
  expect(() => requireOptions("Pool", { momentum: 1 } as Options, known)).toThrow('got "momentum". Leave it out.');
});
