/**
 * Ends the test run's output with what was skipped (its reason is in its name), the slowest tests, the processor time of the
 * whole run, and as the last line `N passed, N failed, N skipped`.
 */
import { readFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";

const SLOWEST = 10;

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    count.failed += modules.filter((module) => module.errors().length > 0).length;
    for (const test of tests) count[test.result().state]++;
    // At the exit nothing else is printed any more, and the processes of the run have ended, so that their times count.
    process.once("exit", () => {
      for (const test of tests) if (test.result().state === "skipped") console.log(`skipped: ${test.fullName}`);
      for (const test of slowest(tests)) console.log(`${seconds(durationOf(test))} s: ${test.fullName}`);
      console.log(`${processorTime()} of processor time`);
      console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
    });
  }
}

const durationOf = (test: TestCase): number => test.diagnostic()?.duration ?? 0;
const seconds = (ms: number): string => (ms / 1000).toFixed(1).padStart(5);

function slowest(tests: readonly TestCase[]): TestCase[] {
  return [...tests].sort((a, b) => durationOf(b) - durationOf(a)).slice(0, SLOWEST);
}

/** Of this process and of all that it has started, where the system tells; else of this one. */
function processorTime(): string {
  if (process.platform === "linux") {
    // behind the program's name: fields 14 to 17 of proc(5), hundredths of a second
    const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ").slice(11, 15);
    return `${Math.round(fields.reduce((sum, ticks) => sum + Number(ticks), 0) / 100)} s`;
  }
  const { user, system } = process.cpuUsage();
  return `${Math.round((user + system) / 1e6)} s (without what was started)`;
}
