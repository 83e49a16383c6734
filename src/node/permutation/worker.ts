/** A thread that judges moves: see threads.ts. */
import { workerData } from "node:worker_threads";
import { type Shared, work } from "../../core/sparse/permutation/judges.ts";

work(workerData as Shared);
