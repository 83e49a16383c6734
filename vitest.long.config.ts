/** The longer suite: what `npm test` runs with more draws, and files named `x.long.test.ts`. */
import { defineConfig } from "vitest/config";
import config, { shared } from "./vitest.config.ts";

const SEEDS = [1, 2, 3, 4, 5];

export default defineConfig({
  test: {
    ...config.test,
    projects: [
      { extends: true, test: { name: "long", include: ["{src,test}/**/*.long.test.ts"], isolate: true } },
      { extends: true, test: { ...shared, setupFiles: "test/more-runs.ts" } },
      ...SEEDS.map((seed) => ({
        extends: true as const,
        test: {
          name: `seed ${seed}`,
          include: ["src/core/backend/conformance.test.ts"],
          env: { TRISPARSE_TEST_SEED: String(seed) },
        },
      })),
    ],
  },
});
