/**
 * Runs the same products and training steps on trisparse and its peers, in turn, and makes one table of them.
 *
 *   npx tsx bench/peers/run.ts [--threads N[,N]] [--rounds N] [--cases TEXT] [--json FILE]
 *
 * README.md says what is compared and how to install the peers; those that are missing are skipped. Next to FILE.json
 * the table is written as FILE.md. With --cases only those run whose name contains TEXT, e.g. "forward 512".
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import type { Product } from "../../src/core/backend/families/products.ts";
import type { Size } from "../../src/lab/bench/gemm.ts";
import { quartiles } from "../../src/lab/statistics/quartiles.ts";
import { writeFileAtomically } from "../../src/node/files.ts";
import { openJaxJs } from "./jax-js.ts";
import { openOnnxRuntimeNode } from "./onnxruntime-node.ts";
import { openOnnxRuntimeWeb } from "./onnxruntime-web.ts";
import { ours } from "./ours.ts";
import { expected, MODELS, type ModelName, type Open, operands, type Peer, type Variant } from "./peer.ts";
import { openPyTorch } from "./pytorch.ts";
import { type Report, type Row, tableText } from "./table.ts";
import { openTfjs } from "./tfjs.ts";

const { values: options } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "20" },
    cases: { type: "string", default: "" },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);

/** Number of calls, or milliseconds, of a variant before it counts: the first calls compile, allocate and cache. */
const WARM_UP = { calls: 5, ms: 5000 };
/** A variant that has taken this long after enough rounds leaves the case. */
const PATIENCE = { rounds: 3, ms: 20_000 };
/** Milliseconds of waiting: threads of other pools spin after their work and would slow down whatever runs next. */
const PAUSE_MS = 300;
/**
 * The load average that the previous case leaves behind. A barrier of OpenMP that waits for a thread without a core
 * takes 50 times its time: on a busy machine rows of several threads would compare pools with neighbors, not libraries.
 */
const OWN_LOAD = 1.5;

const cube = (n: number): Size => ({ t: n, i: n, o: n });
const CUBES = [512, 1024, 2048].map(cube);
const products: [Product, Size[]][] = [
  ["forward", [...CUBES, { t: 256, i: 1024, o: 1024 }]],
  ["inputGrad", CUBES],
  ["weightGrad", CUBES],
];

/** A case to be measured: how a peer computes it, its number of operations, and its right result. */
interface Case {
  readonly name: string;
  readonly size: string;
  readonly flops: number;
  variants(peer: Peer): Promise<readonly Variant[] | string>;
  /** The error in a result; undefined if it is right. */
  fault(result: readonly number[]): string | undefined;
}

function productCase(gemm: Product, size: Size): Case {
  const { t, i, o } = size;
  const inputs = operands(size);
  const truth = expected(gemm, size, inputs);
  return {
    name: { forward: "forward X W^T", inputGrad: "inputGrad G W", weightGrad: "weightGrad G^T X" }[gemm],
    size: `${t}x${i}x${o}`,
    flops: 2 * t * i * o,
    variants: (peer) => peer.product(gemm, size, inputs),
    fault: (result) =>
      truth.every(({ value, scale }, at) => Math.abs(result[at] - value) <= 1e-5 * scale) ? undefined : "wrong result",
  };
}

function stepCase(model: ModelName): Case {
  const { text, batch, multiplies } = MODELS[model];
  return {
    name: `step of ${text}`,
    size: `batch ${batch}`,
    flops: 2 * multiplies,
    variants: (peer) => peer.step(model),
    fault: ([loss]) => (Number.isFinite(loss) ? undefined : "the loss is not finite"),
  };
}

/** A variant in a case, with its times by round. */
interface Runner {
  readonly peer: Peer;
  readonly name: string;
  readonly variant: Variant | null;
  readonly ms: Map<number, number>;
  missing: string | null;
}

async function once({ peer, variant }: Runner): Promise<number> {
  const ms = await variant!.run();
  // our pool parks its threads within 40 us
  if (peer.threads > 1 && !peer.name.startsWith("trisparse"))
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return ms;
}

async function warmUp(runner: Runner, fault: Case["fault"]): Promise<void> {
  const { variant } = runner;
  try {
    const end = performance.now() + WARM_UP.ms;
    for (let call = 0; call < WARM_UP.calls && (call === 0 || performance.now() < end); call++) await once(runner);
    const result = variant!.result();
    if (result !== null) runner.missing = fault(await result) ?? null;
  } catch (error) {
    runner.missing = (error as Error).message.split("\n")[0];
  }
}

async function measure(one: Case, peers: readonly Peer[]): Promise<Row[]> {
  const runners: Runner[] = [];
  for (const peer of peers) {
    const variants = await one.variants(peer);
    if (typeof variants === "string") {
      runners.push({ peer, name: peer.name, variant: null, ms: new Map(), missing: variants });
      continue;
    }
    runners.push(...variants.map((variant) => ({ peer, name: variant.name, variant, ms: new Map(), missing: null })));
  }
  for (const runner of runners) if (runner.variant !== null) await warmUp(runner, one.fault);
  const running = runners.filter(({ missing }) => missing === null);
  const spent = new Map<Runner, number>(running.map((runner) => [runner, 0]));
  for (let round = 0; round < rounds; round++) {
    // each round begins with another variant, so that none always follows the same neighbor
    const turn = running.map((_, i) => running[(i + round) % running.length]);
    for (const runner of turn) {
      const before = spent.get(runner)!;
      if (before > PATIENCE.ms && runner.ms.size >= PATIENCE.rounds) continue;
      const ms = await once(runner);
      runner.ms.set(round, ms);
      spent.set(runner, before + ms);
    }
  }
  for (const { variant } of runners) await variant?.stop();
  const own = running.filter(({ peer }) => peer === peers[0]);
  return runners.map((runner) => row(one, runner, own));
}

function row(one: Case, { peer, name, ms, missing }: Runner, own: readonly Runner[]): Row {
  const times = quartiles([...ms.values()]);
  const ratio = (base: Runner): number[] =>
    [...ms].filter(([round]) => base.ms.has(round)).map(([round, time]) => time / base.ms.get(round)!);
  const { version, runtime, instructionSet, threads } = peer;
  return {
    ...{ case: one.name, size: one.size, peer: peer.name, variant: name },
    ...{ version, runtime, instructionSet, threads, missing },
    load: loadavg()[0],
    rounds: ms.size,
    ms: times,
    gigaflops: one.flops / times.median / 1e6,
    ours:
      missing === null
        ? Object.fromEntries(own.map((base) => [base.name.split(" ").pop()!, quartiles(ratio(base))]))
        : {},
  };
}

const openers: Record<Peer["runtime"], Record<string, Open>> = {
  native: { PyTorch: openPyTorch, "onnxruntime-node": openOnnxRuntimeNode },
  wasm: { "onnxruntime-web": openOnnxRuntimeWeb, "tfjs-wasm": openTfjs, "jax-js": openJaxJs },
};

const before = loadavg()[0];
const rows: Row[] = [];
const skipped = new Set<string>();
for (const threads of options.threads.split(",").map(Number)) {
  const [load] = loadavg();
  if (threads > 1 && load > cpus().length - threads + OWN_LOAD) {
    const why = `${threads} threads: not so many cores are free under a load of ${load.toFixed(2)}`;
    skipped.add(why);
    console.error(`skipped: ${why}`);
    continue;
  }
  for (const runtime of ["native", "wasm"] as const) {
    // WASM runs on one thread; in Node that is ours and two of the three others
    if (runtime === "wasm" && threads > 1) continue;
    const peers = [ours(runtime, threads)];
    for (const [name, open] of Object.entries(openers[runtime])) {
      const peer = await open(threads);
      if (typeof peer !== "string") peers.push(peer);
      else if (!skipped.has(`${name}: ${peer}`)) {
        skipped.add(`${name}: ${peer}`);
        console.error(`${name} is skipped: ${peer}`);
      }
    }
    const cases = [
      ...products.flatMap(([gemm, sizes]) =>
        // backward products are compared with oneDNN only
        gemm === "forward" || runtime === "native" ? sizes.map((size) => () => productCase(gemm, size)) : [],
      ),
      ...(Object.keys(MODELS) as ModelName[]).map((model) => () => stepCase(model)),
    ];
    for (const make of cases) {
      const one = make();
      if (!`${one.name} ${one.size}`.includes(options.cases)) continue;
      console.error(`${runtime}, ${threads} thread${threads === 1 ? "" : "s"}: ${one.name} ${one.size}`);
      rows.push(...(await measure(one, peers)));
    }
    for (const peer of peers) peer.stop();
  }
}

const processors = cpus();
const report: Report = {
  machine: {
    cpu: processors[0].model.trim(),
    cores: processors.length,
    node: process.version,
    load: [before, loadavg()[0]],
  },
  skipped: [...skipped],
  rows,
};
const table = tableText(report);
console.log(table);
if (options.json !== undefined) {
  writeFileAtomically(options.json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileAtomically(options.json.replace(/(\.json)?$/, ".md"), table);
}
// the threads of some peers would keep the process alive
process.exit(0);
