/** A process of its own that times steps once: see repeats.ts. Its argument is a StepRepeat as JSON. */
import { parsePattern } from "../../core/sparse/pattern.ts";
import { openQuietly } from "../../node/open-device.ts";
import type { StepRepeat } from "./repeats.ts";
import { benchStep } from "./step.ts";

const { model, patterns, open, ...options } = JSON.parse(process.argv[2]) as StepRepeat;
const { device } = openQuietly(open);
const cases = benchStep(device.kernels, model, { ...options, patterns: patterns.map(parsePattern) });
process.stdout.write(JSON.stringify(cases));
