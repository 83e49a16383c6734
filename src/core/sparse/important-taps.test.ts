import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { importantTaps } from "./important-taps.ts";
import { parsePattern } from "./pattern.ts";

const [of24, of14] = [parsePattern("2:4"), parsePattern("1:4")];

test("by hand: two rows of three taps with four channels", () => {
  // the largest twelve of these 24 are those from 12 on: 2 of tap 0, 7 of tap 1, 3 of tap 2; an even share were 4
  const first = [1, -12, 2, 3, 13, 14, -15, 16, 4, 5, 6, 17];
  const second = [7, 8, -18, 9, 19, 20, 21, 10, 11, 22, -23, 0];
  const w = Float32Array.from([...first, ...second]);
  expect(importantTaps(w, 3, 4, of24)).toBe(0b010);
  // the largest six, from 18 on: 1 of tap 0, 3 of tap 1, 2 of tap 2, which is the even share of 1:4 and no more
  expect(importantTaps(w, 3, 4, of14)).toBe(0b010);
  w[12] = 24;
  // 2 of each
  w[17] = 0;
  expect(importantTaps(w, 3, 4, of14)).toBe(0);
});

test("of equals the lower index is kept", () => {
  expect(importantTaps(new Float32Array(8).fill(1), 2, 4, of24)).toBe(0b01);
  expect(importantTaps(new Float32Array(16).fill(-1), 2, 4, of24)).toBe(0);
});

test.each(["2:4", "1:4", "1:8", "3:8", "1:16"])("%s: as by sorting", (text) => {
  const random = new Random(4);
  const { n, m } = parsePattern(text);
  for (let round = 0; round < 20; round++) {
    const [rows, taps, channels] = [3, 9, 16];
    // so coarse that there are equals, and of magnitudes from 1e-20 to 1e20
    const w = Float32Array.from(
      { length: rows * taps * channels },
      () => Math.round(random.normal() * 8) * 10 ** (random.integer(3) * 20 - 20),
    );
    const order = [...w.keys()].sort((a, b) => Math.abs(w[b]) - Math.abs(w[a]) || a - b);
    const counts = new Array<number>(taps).fill(0);
    for (const i of order.slice(0, (w.length * n) / m)) counts[Math.floor(i / channels) % taps]++;
    const bits = counts.reduce((found, count, tap) => found + (count > (rows * channels * n) / m ? 2 ** tap : 0), 0);
    expect(importantTaps(w, taps, channels, { n, m, v: 1 })).toBe(bits);
  }
});
