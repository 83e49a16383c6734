import { expect, test } from "vitest";
import { type StudyResult, studyTable } from "./study-table.ts";

const run = (variant: string, seed: number, loss: number): StudyResult => ({
  ...{ variant, seed, loss, trainLoss: loss / 2, score: 100 * loss, stepMs: 1 },
});

test("variants are compared with dense at the same seed, with the standard error of the mean", () => {
  const table = studyTable([run("sparse", 1, 0.5), run("dense", 1, 0.25), run("dense", 2, 0.5), run("sparse", 2, 1)]);
  const [, , dense, sparse] = table.split("\n");
  expect(dense).toBe("| dense | 2 | 37.50 |  | 0.3750 |  | 0.1875 |  |");
  // differences 0.25 and 0.5: mean 0.375, standard deviation 0.177, of the mean 0.125
  expect(sparse).toBe(
    "| sparse | 2 | 75.00 | +37.50 ± 12.50 | 0.7500 | +0.3750 ± 0.1250 | 0.3750 | +0.1875 ± 0.0625 |",
  );
});

test("one seed has no error, and a seed that dense lacks no difference", () => {
  expect(studyTable([run("dense", 1, 1), run("a", 1, 2), run("a", 3, 4)]).split("\n")[3]).toBe(
    "| a | 2 | 300.00 | +100.00 | 3.0000 | +1.0000 | 1.5000 | +0.5000 |",
  );
});
