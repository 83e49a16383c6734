import { expect, test } from "vitest";
import { inkPath, smoothPath } from "./pen.ts";

test("a smooth path runs through the points it is given", () => {
  const path = smoothPath([0, 0, 10, 0, 10, 10]);
  expect(path.length).toBe(2 * (1 + 5 + 5));
  expect(path.slice(0, 2)).toEqual([0, 0]);
  expect(path.slice(10, 12)).toEqual([10, 0]);
  expect(path.slice(20, 22)).toEqual([10, 10]);
});

test("a smooth path swings out at a plain point and stays inside at a corner", () => {
  const swing = smoothPath([0, 0, 10, 0, 10, 10]);
  const corner = smoothPath([0, 0, 10, 0, 10, 0, 10, 10]);
  const right = (path: number[]) => Math.max(...path.filter((_, i) => i % 2 === 0));
  expect(right(swing)).toBeGreaterThan(10);
  expect(right(corner)).toBe(10);
});

test("a pen of one pixel inks the row it runs along and leaves the others", () => {
  const canvas = new Float64Array(9);
  inkPath(canvas, 3, [0, 1.5, 3, 1.5], { radius: 0.5, ink: 1, taper: [1, 1] });
  expect([...canvas]).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0]);
});

test("an edge through a pixel's center inks half of it, and crossings keep the darker ink", () => {
  const canvas = new Float64Array(9);
  inkPath(canvas, 3, [0, 1.5, 3, 1.5], { radius: 1, ink: 0.5, taper: [1, 1] });
  expect([...canvas]).toEqual([0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
  inkPath(canvas, 3, [1.5, 0, 1.5, 3], { radius: 0.5, ink: 0.4, taper: [1, 1] });
  expect([...canvas]).toEqual([0.25, 0.4, 0.25, 0.5, 0.5, 0.5, 0.25, 0.4, 0.25]);
});

test("ink outside the canvas is cut off", () => {
  const canvas = new Float64Array(9);
  inkPath(canvas, 3, [-20, -20, -10, 30], { radius: 2, ink: 1, taper: [1, 1] });
  expect([...canvas]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
});
