/** What the README says is what happens. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { tableText } from "../bench/peers/table.ts";
import { WRITERS } from "../scripts/numbers.ts";

const root = new URL("../", import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), "utf8");

test("the README's example is examples/train-digits.ts, and that file trains", async () => {
  const [, shown] = /```ts\n([\s\S]*?)```/.exec(text("README.md")) ?? [];
  expect(shown).toBe(text("examples/train-digits.ts"));
  const { stdout } = await promisify(execFile)("node", ["--import", "tsx", "examples/train-digits.ts"], {
    cwd: fileURLToPath(root),
  });
  const accuracy = Number(/accuracy: ([\d.]+)/.exec(stdout)?.[1]);
  expect(accuracy).toBeGreaterThan(0.95);
  expect(stdout).toContain("ok: true");
}, 120_000);

test("pages that the documentation links to exist", () => {
  for (const page of ["README.md", "docs/architecture.md", "CONTRIBUTING.md"]) {
    for (const [, target] of text(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      expect(() => readFileSync(new URL(target, new URL(page, root)))).not.toThrow();
    }
  }
});

test.each(WRITERS)("%s: what it wrote shows the numbers of docs/results (else: npx tsx it)", async (script) => {
  const check = promisify(execFile)("node", ["--import", "tsx", `scripts/${script}.ts`, "--check"], {
    cwd: fileURLToPath(root),
  });
  await expect(check).resolves.toBeDefined();
});

test("every measured number of the pages is one of the file that its comment names (rules: scripts/numbers.ts)", async () => {
  const check = promisify(execFile)("node", ["--import", "tsx", "scripts/check-numbers.ts"], {
    cwd: fileURLToPath(root),
  });
  await expect(check).resolves.toBeDefined();
});

test("peers.md shows the numbers of peers.json", () => {
  // what a formatter changes in tables
  const words = (page: string): string => page.replace(/-{3,}/g, "---").replace(/ +/g, " ");
  const report = JSON.parse(text("docs/results/peers.json"));
  expect(words(text("docs/results/peers.md"))).toBe(words(tableText(report)));
});
