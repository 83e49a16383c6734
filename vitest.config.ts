import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** What starts processes, spies on modules or fills a whole memory has a process of its own for each file. */
const alone = ["src/cli/**", "src/node/**", "src/core/backend/wasm.test.ts", "test/readme.test.ts"];

export default defineConfig(({ mode }) => {
  const long = mode === "long";
  return {
    test: {
      reporters: ["default", "./scripts/closing-line-reporter.ts"],
      // by default one core is left free
      maxWorkers: availableParallelism(),
      // Only against hanging: how long a test takes decides nothing.
      ...{ testTimeout: 600_000, hookTimeout: 600_000 },
      setupFiles: long ? ["test/long.ts"] : [],
      projects: [
        { extends: true, test: { name: "alone" } },
      ],
    },
  };
});
