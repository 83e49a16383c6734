import { expect, test } from "vitest";
import { decodeRow, encodeRow } from "./metrics-rows.ts";
import { checkVersion, versioned } from "./schema-version.ts";

test("a row says its event first, and is read back without it", () => {
  const line = encodeRow("step", { step: 3, loss: 0.5 });
  expect(line).toBe('{"event":"step","step":3,"loss":0.5}');
  expect(decodeRow(line)).toEqual({ event: "step", record: { step: 3, loss: 0.5 } });
});

test("a row of 0.1 is known by its keys", () => {
  const events = ['{"step":0,"loss":1}', '{"epoch":1,"step":4,"test":{}}', '{"step":0,"gradients":[]}', '{"masks":[]}'];
  expect(events.map((line) => decodeRow(line)?.event)).toEqual(["step", "epoch", "gradients", "masks"]);
});

test("an event of a later version is given as it is, and what is no object is none", () => {
  expect(decodeRow('{"event":"power","watts":40}')).toEqual({ event: "power", record: { watts: 40 } });
  expect(["", "{", "3", "null", '"step"'].map(decodeRow)).toEqual(new Array(5).fill(undefined));
});

test("result files of 0.1 and of this version are read, later ones refused", () => {
  expect(Object.keys(versioned({ runs: [] }))).toEqual(["schemaVersion", "runs"]);
  for (const value of [versioned({}), {}, [], null]) expect(() => checkVersion("r.json", value)).not.toThrow();
  expect(() => checkVersion("r.json", { schemaVersion: 2 })).toThrow(
    "r.json: expected schemaVersion 1 or none, got 2. Read it with a newer trisparse.",
  );
});
