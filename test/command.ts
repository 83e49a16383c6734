/** The command line as a user meets it: a process in a folder of its own, its output, its exit code and the files it leaves. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, inject } from "vitest";

const main = join(inject("built"), "dist/cli/main.js");
const root = mkdtempSync(join(tmpdir(), "trisparse-cli-"));
/** What still runs. */
const children = new Set<ChildProcess>();

// a test that failed in between does not wait for its processes, and a training would go on for minutes
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of its own for each test, with these files; commands run in it. */
export class Place {
  readonly folder = mkdtempSync(join(root, "x-"));

  constructor(files: Readonly<Record<string, string | Uint8Array | object>> = {}) {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(this.at(name)), { recursive: true });
      const plain = typeof content === "string" || content instanceof Uint8Array;
      writeFileSync(this.at(name), plain ? content : JSON.stringify(content));
    }
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.at(name));
  }

  /** Every path and every file's content. */
  everything(): Record<string, string> {
    const entries = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
    const isFile = new Set(
      entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)),
    );
    return Object.fromEntries(paths.map((path) => [path, isFile.has(path) ? readFileSync(path, "latin1") : "folder"]));
  }

  start(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: this.folder,
      // nothing is measured: times change no result. One thread each: tests run beside each other.
      env: {
        ...process.env,
        ...{ TRISPARSE_CACHE: this.at("cache"), TRISPARSE_COMPUTE: "sparse", TRISPARSE_THREADS: "1", ...environment },
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    child.on("close", () => children.delete(child));
    const ended = new Promise<Ended>((resolve, reject) => {
      let [stdout, stderr] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
    return { child, ended };
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(args).ended;
  }

  async succeed(...args: string[]): Promise<Ended> {
    const ended = await this.run(...args);
    expect(ended, args.join(" ")).toMatchObject({ code: 0 });
    return ended;
  }
}

export const recipe = {
  data: { name: "digits", limit: { train: 512, test: 200 } },
  model: { name: "mlp", hidden: [32, 16] },
  epochs: 1,
};
export const quick = [
  ...["compare", "--recipe", "r.json", "--methods", "dense,sr-ste"],
  ...["--seeds", "1", "--equal", "steps"],
];

/** Of every refusal. */
export const FORM = /^[^\n]+?: expected [^\n]+, got [^\n]+\. \S[^\n]*[^.\n]\.$/;
