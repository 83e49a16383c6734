import { expect, test } from "vitest";
import { Random } from "../../core/random.ts";
import { Judges } from "../../core/sparse/permutation/judges.ts";
import { type Moves, makeBoard, movesOf, type Task } from "../../core/sparse/permutation/moves.ts";
import { permutationWorkers } from "./threads.ts";

test("a worker starts from the sources and judges while the caller is busy with one move", () => {
  const task: Task = { n: 2, m: 4, rows: 8, k: 64, method: "stripes", width: 2 };
  const random = new Random(4);
  const columns = Float32Array.from({ length: task.m * task.rows }, () => 0);
  const boards = [makeBoard(task, false), makeBoard(task, true)];
  for (let stripe = 0; stripe < task.k / task.m; stripe++) {
    for (let i = 0; i < columns.length; i++) columns[i] = random.uniform();
    for (const board of boards) movesOf(task, board).load(stripe, columns);
  }
  const [alone, shared] = boards;
  const all = Array.from(alone.gains, (_, move) => move);
  new Judges(task, alone, movesOf(task, alone)).judge(all);
  const own = movesOf(task, shared);
  const last = all.length - 1;
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  const busy: Moves = {
    load: (stripe, columns) => own.load(stripe, columns),
    order: (choice) => own.order(choice),
    judge: (move) => {
      for (let waits = 0; move === 0 && shared.gains[last] === 0 && waits < 300; waits++)
        Atomics.wait(asleep, 0, 0, 100);
      own.judge(move);
    },
  };
  alone.gains.forEach((gain) => {
    expect(gain).toBeGreaterThanOrEqual(0);
  });
  expect(alone.gains[last]).toBeGreaterThan(0);
  const judges = new Judges(task, shared, busy, 2, permutationWorkers().start);
  const begin = performance.now();
  judges.judge(all);
  judges.stop();
  expect(performance.now() - begin).toBeLessThan(30_000);
  expect([...shared.gains]).toEqual([...alone.gains]);
  expect([...shared.choices]).toEqual([...alone.choices]);
});
