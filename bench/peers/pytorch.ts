/** PyTorch for CPUs, in a process of its own (pytorch.py). */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Product } from "../../src/core/backend/families/products.ts";
import { MODELS, type ModelName, type Open, type Peer, type Variant } from "./peer.ts";

// glibc would return large blocks to the system at every step, and the page faults cost a good part of one
const KEEP_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: "4294967296",
  MALLOC_TRIM_THRESHOLD_: "17179869184",
  MALLOC_TOP_PAD_: "67108864",
};

interface Greeting {
  readonly version: string;
  readonly threads: number;
  readonly instructionSet: string;
  readonly blas: string;
  readonly onednn: boolean;
}

type Ask = <Answer>(command: string, options: object) => Promise<Answer>;

const BY: Record<Product, Record<string, string>> = {
  forward: { blas: "F.linear", onednn: "W fed", "onednn-packed": "W packed" },
  inputGrad: { blas: "G @ W", onednn: "G W" },
  weightGrad: { blas: "G.t() @ X", onednn: "G^T X", "onednn-transposed": "G^T X, G^T given" },
};

export const openPyTorch: Open = async (threads) => {
  const script = fileURLToPath(new URL("pytorch.py", import.meta.url));
  const count = String(threads);
  const env = { ...process.env, ...KEEP_MEMORY, OMP_NUM_THREADS: count, MKL_NUM_THREADS: count };
  const child = spawn("python3", [script], { env, stdio: ["pipe", "pipe", "ignore"] });
  // without python3 both of these fail, and an error without a listener would end the process
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) return "not installed: no python3 with torch on the path";
  const greeting: Greeting = JSON.parse(first.value);
  const ask: Ask = async (cmd, options) => {
    child.stdin.write(`${JSON.stringify({ cmd, ...options })}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`PyTorch: the process ended at "${cmd}"`);
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(`PyTorch: ${answer.error}`);
    return answer;
  };
  return peerOf(greeting, ask, () => child.kill());
};

function peerOf({ version, threads, instructionSet, blas, onednn }: Greeting, ask: Ask, stop: () => void): Peer {
  let ids = 0;
  async function variant(name: string, command: string, options: object): Promise<Variant> {
    const id = String(ids++);
    const { size } = await ask<{ size: number }>(command, { id, ...options });
    const { case: which } = options as { case?: ModelName };
    if (which !== undefined && size !== MODELS[which].parameters) throw new Error(`${name}: another model`);
    return {
      name,
      run: async () => (await ask<{ ms: number }>("run", { id })).ms,
      result: async () => (await ask<{ result: number[] }>("result", { id })).result,
      stop: async () => {
        await ask("drop", { id });
      },
    };
  }
  const libraries = (by: string): string => (by === "blas" ? `PyTorch ${blas}` : "oneDNN");
  return {
    ...{ name: "PyTorch", version, runtime: "native", instructionSet, threads, stop },
    product: (gemm, { t, i, o }) =>
      inTurn(
        Object.entries(BY[gemm]).filter(([by]) => onednn || by === "blas"),
        ([by, text]) => variant(`${libraries(by)}, ${text}`, "product", { gemm, by, t, i, o }),
      ),
    step: (which) =>
      inTurn(
        // both use oneDNN for convolutions
        which === "mlp" && onednn ? ["default", "onednn"] : ["default"],
        (linear) =>
          variant(linear === "default" ? "PyTorch, AdamW fused" : "PyTorch, linear by oneDNN, AdamW fused", "train", {
            case: which,
            linear,
            optimizer: "adamw-fused",
          }),
      ),
  };
}

/** Asks the process a question. It answers in order, so there is one question at a time. */
async function inTurn<T>(list: readonly T[], make: (one: T) => Promise<Variant>): Promise<Variant[]> {
  const made: Variant[] = [];
  for (const one of list) made.push(await make(one));
  return made;
}
