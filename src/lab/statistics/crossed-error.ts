/** The standard error of a mean whose values share both their rows and their columns with others. */
import { expected } from "../../core/errors.ts";

export interface CrossedMean {
  readonly mean: number;
  readonly error: number;
}

/**
 * The mean of values [rows, columns], such as seeds and test images, with its error. Every seed sees the same images,
 * so more seeds do not reduce the noise of the images. The model is two-way random effects without replication: with
 * the mean squares of rows R, of columns C and of the rest E, the variance of the mean is (R + C - E) / (rows *
 * columns), where neither effect counts as less than zero. With one row, it is the columns' error alone.
 */
export function crossedMean(values: readonly ArrayLike<number>[]): CrossedMean {
  const [rows, columns] = [values.length, values[0]?.length ?? 0];
  if (rows === 0 || columns < 2 || values.some(({ length }) => length !== columns)) {
    const got = values.map(({ length }) => length).join(", ");
    throw expected(
      "crossed mean",
      "rows of as many values each, at least two",
      got || "none",
      "Give a value for each pair",
    );
  }
  const ofRows = values.map((row) => meanOf(row));
  const ofColumns = Float64Array.from({ length: columns }, (_, c) => meanOf(values.map((row) => row[c])));
  const mean = meanOf(ofRows);
  const columnSquare = (rows * squares(ofColumns, mean)) / (columns - 1);
  if (rows === 1) return { mean, error: Math.sqrt(columnSquare / columns) };
  const rowSquare = (columns * squares(ofRows, mean)) / (rows - 1);
  let rest = 0;
  values.forEach((row, r) => {
    for (let c = 0; c < columns; c++) rest += (row[c] - ofRows[r] - ofColumns[c] + mean) ** 2;
  });
  rest /= (rows - 1) * (columns - 1);
  const variance = (Math.max(rowSquare, rest) + Math.max(columnSquare, rest) - rest) / (rows * columns);
  return { mean, error: Math.sqrt(variance) };
}

const meanOf = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const squares = (values: ArrayLike<number>, mean: number): number =>
  Array.from(values).reduce((sum, x) => sum + (x - mean) ** 2, 0);
