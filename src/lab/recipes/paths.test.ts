import fc from "fast-check";
import { expect, test } from "vitest";
import { valueAt, withValueAt } from "./paths.ts";

test("a value is found by its path, in objects and lists, and nothing beside them", () => {
  const value = { a: { b: [1, { c: 2 }] }, text: "abc", none: null };
  expect(["a.b.0", "a.b.1.c", "none"].map((path) => valueAt(value, path))).toEqual([1, 2, null]);
  expect(["a.x", "a.b.2", "text.length", "none.x", "toString"].map((path) => valueAt(value, path))).toEqual(
    new Array(5).fill(undefined),
  );
});

test("a value is set in a copy, at its place, and what is missing on the way is made", () => {
  const value = { a: 1, b: { c: [1, 2], d: 3 }, e: 4 };
  const before = structuredClone(value);
  expect(JSON.stringify(withValueAt(value, "b.c.1", 5))).toBe('{"a":1,"b":{"c":[1,5],"d":3},"e":4}');
  expect(withValueAt(value, "b.x.y", 5)).toEqual({ ...before, b: { ...before.b, x: { y: 5 } } });
  expect(withValueAt(value, "a.x", 5)).toEqual({ ...before, a: { x: 5 } });
  expect(withValueAt(undefined, "a.b", 5)).toEqual({ a: { b: 5 } });
  expect(JSON.stringify(withValueAt(value, "b", undefined))).toBe('{"a":1,"e":4}');
  expect(value).toEqual(before);
});

test("what was set is what is found, for any keys", () => {
  const key = fc.stringMatching(/^[^.]+$/);
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(key, { minLength: 1, maxLength: 4 }), fc.integer(), (value, keys, set) => {
      fc.pre(!JSON.stringify(value).includes("["));
      expect(valueAt(withValueAt(value, keys.join("."), set), keys.join("."))).toBe(set);
    }),
    { seed: 1 },
  );
  expect(({} as { x?: number }).x).toBeUndefined();
});
