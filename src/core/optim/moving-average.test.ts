import { expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { copyOf } from "../nn/copy.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import { stateOf, valuesOf } from "../nn/state.ts";
import { ste } from "../sparsity/methods/weights/ste.ts";
import { sparsify } from "../sparsity/sparsify.ts";
import { Device } from "../tensor/device.ts";
import { MovingAverage } from "./moving-average.ts";

const device = new Device(jsKernels());
const model = () => mlp([4, 8, 2], { device });
const first = (one: ReturnType<typeof model>) => one.namedParameters().get("fc1.weight")!;

test("an average takes the share of the new weights that its decay leaves", () => {
  const one = model();
  const weight = first(one);
  weight.data.fill(0);
  const average = new MovingAverage(one, { decay: 0.75 });
  const at = (): number => average.state().get("fc1.weight")![0];
  weight.data.fill(1);
  average.update();
  // the first updates forget faster: 1 of 10, 2 of 11, ...
  expect(at()).toBeCloseTo(0.9, 6);
  for (let i = 0; i < 40; i++) average.update();
  const before = at();
  weight.data.fill(3);
  average.update();
  expect(at()).toBeCloseTo(0.75 * before + 0.25 * 3, 6);
});

test("with() evaluates the averages and puts the trained weights back, also after an error", () => {
  const one = model();
  const average = new MovingAverage(one);
  const weight = first(one);
  const begun = [...weight.data];
  weight.data.fill(7);
  expect(average.with(() => [...weight.data])).toEqual(begun);
  expect(() =>
    average.with(() => {
      throw new Error("stop");
    }),
  ).toThrow("stop");
  expect(weight.data.every((value) => value === 7)).toBe(true);
});

test("the averages of a sparse model are saved under its masks", () => {
  const one = model();
  const session = sparsify(one, { weights: ste(), pattern: "2:4", steps: 4 });
  const average = new MovingAverage(one);
  const { data } = average.with(() => session.state()).get("fc1.weight")!;
  expect([...data].filter((value) => value === 0)).toHaveLength(16);
});

test("a decay that is none is refused", () => {
  expect(() => new MovingAverage(model(), { decay: 1 })).toThrow(
    "MovingAverage: expected decay of 0 or more and below 1, got 1.",
  );
});

test("a copy has all values of a model, buffers too, and shares none", () => {
  const build = () => cnn(3, [4, 8], 5, { device });
  const one = build();
  one.namedBuffers().get("bn1.running_mean")!.data.fill(0.5);
  const copy = copyOf(one, build);
  expect([...stateOf(copy)]).toEqual([...stateOf(one)]);
  const [a, b] = [valuesOf(one), valuesOf(copy)];
  for (const [name, { data }] of a) expect(b.get(name)!.data).not.toBe(data);
  expect(() => copyOf(one, () => cnn(3, [4, 4], 5, { device }))).toThrow(/^copyOf: expected conv2.weight of shape/);
});
