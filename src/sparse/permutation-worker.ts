/** A thread that judges moves: see permutation-threads.ts. */
import { workerData } from "node:worker_threads";
import { type Shared, work } from "./permutation-threads.ts";

work(workerData as Shared);
