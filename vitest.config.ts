import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const long = "**/*.long.test.ts";

/** Each of these starts processes, spies on modules, loads them anew or fills a whole memory: a process of its own for each file. */
const alone = {
  name: "alone",
  include: [
    ...[
      "src/cli/**/*.test.ts",
      "src/node/**/*.test.ts",
      "src/web/**/*.test.ts",
      "test/{browser,bundle,readme}.test.ts",
    ],
    ...["src/core/backend/wasm.test.ts", "src/core/nn/init-options.test.ts"],
  ],
  exclude: [long],
  globalSetup: "test/build-command.ts",
};

/** The others: modules are loaded once for all files that a process runs. */
export const shared = {
  name: "shared",
  include: ["{src,test}/**/*.test.ts"],
  exclude: [...alone.include, long],
  isolate: false,
};

export default defineConfig({
  test: {
    reporters: ["default", "./scripts/closing-line-reporter.ts"],
    // by default a core is left free
    maxWorkers: availableParallelism(),
    // Against hanging only: how long a test takes decides nothing.
    ...{ testTimeout: 600_000, hookTimeout: 600_000 },
    projects: [
      { extends: true, test: alone },
      { extends: true, test: shared },
    ],
  },
});
