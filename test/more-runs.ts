/** Of the longer suite: every property that does not say how often it is tried is tried ten times as often. */
import fc from "fast-check";

fc.configureGlobal({ numRuns: 1000 });
