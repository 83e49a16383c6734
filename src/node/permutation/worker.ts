/** A thread that judges moves: see threads.ts. */
import { workerData } from "node:worker_threads";
import { type Shared, work } from "./threads.ts";

work(workerData as Shared);
