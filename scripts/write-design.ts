/**
 * Writes those tables of docs/design that today's programs measure; who made a file stands beside its name. The other numbers
 * of these pages are a record of their day.
 *
 *   gemm.json              trisparse bench gemm --sizes 1024,2048,256x1024x1024,64x1024x1024 --threads 1 --json FILE
 *   convolutions.json      trisparse bench gemm --sizes conv:64x16x16x64:3,conv:64x16x16x128:3,conv:64x16x16x256:3,conv:64x32x32x64:3,conv:64x32x32x128:3
 *                            --patterns 2:4,2:4v2 --threads 1 --json FILE
 *   steps-auto-T.json      trisparse bench step --models mlp,cnn,lenet,resnet20,gpt --route auto --threads T --json FILE, T 1 and 4
 *   steps-wasm.json        trisparse bench step --models mlp --plans fully-sparse --backend wasm --threads 1 --json FILE
 *   activation-masks.json  npx tsx bench/activation-masks.ts --data-dir DIR --json FILE
 *   fixed-masks.json       npx tsx bench/activation-masks.ts --compare --data-dir DIR --steps 120 --threads 1 --json FILE
 *   fixed-masks-speed.json npx tsx bench/activation-masks.ts --speed --threads 1 --json FILE
 *   csr.json               npx tsx bench/csr.ts --json FILE
 *   versions.json          npx tsx bench/versions.ts CHECKOUT [--backend wasm] --models ... --json FILE, its cases put together
 *
 * and then: npx tsx scripts/write-design.ts && npx biome check --write docs
 * With --check nothing is written; the exit code is 1 where a page shows other numbers than docs/results.
 */
import type { GemmCase } from "../src/lab/bench/gemm.ts";
import type { StepCase } from "../src/lab/bench/step.ts";
import { readResult } from "./comparisons.ts";
import { fill } from "./fill.ts";
import { type Place, placeText, table } from "./table.ts";

interface Cases<C> {
  readonly machine: Place;
  readonly cases: readonly C[];
}

const above = (machines: readonly Place[]): string => `${machines.map(placeText).join("; ")}:`;
const ratio = (x: number): string => x.toFixed(2);

/** Dense / sparse of products, a row for each product and size. */
function products(file: string): string {
  const { machine, cases } = readResult(file) as Cases<GemmCase>;
  const patterns = [...new Set(cases.map(({ pattern }) => pattern))];
  const nameOf = ({ gemm, product, t, i, o, conv }: GemmCase): string => {
    if (conv === undefined) return `${gemm} ${t} x ${i} x ${o}`;
    return `${product} ${conv.batch}x${conv.height}x${conv.width}x${conv.channels}`;
  };
  const rows = [...new Set(cases.map(nameOf))].map((name) => {
    const own = cases.filter((one) => nameOf(one) === name);
    const cells = patterns.map((pattern) => {
      const found = own.find((one) => one.pattern === pattern);
      return found === undefined ? "" : ratio(found.ratio);
    });
    return [name, own[0].denseMs.toPrecision(3), ...cells];
  });
  return `${above([machine])}\n\n${table(["dense / sparse", "dense, ms", ...patterns], rows)}`;
}

const MODELS: Readonly<Record<string, string>> = {
  ...{ mlp: "MLP 784-1024-1024-10", cnn: "CNN 32-64-128", lenet: "LeNet 20-50-500", resnet20: "ResNet-20" },
  gpt: "GPT, 4 layers of 256",
};

/** Dense / sparse of whole steps, a row for each model and place. */
function steps(): string {
  const files = ["steps-auto-1.json", "steps-auto-4.json", "steps-wasm.json"].map(
    (file) => readResult(file) as Cases<StepCase>,
  );
  const columns = ["sr-ste", "fully-sparse"].flatMap((plan) => ["2:4", "2:4v2"].map((pattern) => ({ plan, pattern })));
  const rows = Object.keys(MODELS).flatMap((model) =>
    files.flatMap(({ cases }) => {
      const own = cases.filter((one) => one.model === model);
      if (own.length === 0) return [];
      const [{ batch, backend, threads, denseMs }] = own;
      const cells = columns.map(({ plan, pattern }) => {
        const found = own.find((one) => one.plan === plan && one.pattern === pattern);
        return found === undefined ? "" : ratio(found.ratio);
      });
      const place = backend === "native" ? threads : `${threads}, ${backend}`;
      return [[`${MODELS[model]}, batch ${batch}`, place, denseMs.toPrecision(3), ...cells]];
    }),
  );
  const head = ["model", "threads", "dense, ms", "forward 2:4", "forward 2:4v2", "all 2:4", "all 2:4v2"];
  return `${above(files.map(({ machine }) => machine))}\n\n${table(head, rows)}`;
}

interface Study {
  readonly title: string;
  /** By estimator cosine and norm; of "similarity" and "best" the value and nothing, the cosine and s. */
  readonly rows: readonly { readonly name: string; readonly of: Readonly<Record<string, readonly [number, number]>> }[];
}

const pair = ([cosine, norm]: readonly [number, number]): string => `${cosine.toFixed(3)}/${ratio(norm)}`;

function fixedMasks(): string {
  const shares = ["s 0", "s 0.03", "s 0.25", "s 0.5", "s 0.75", "s 1", "measured"];
  return (readResult("activation-masks.json") as Study[])
    .map(({ title, rows }) =>
      table(
        [title, "similarity", ...shares, "both masks", "best s", "MVUE 2:4"],
        rows.map(({ name, of }) => [
          ...[name, ratio(of.similarity[0])],
          ...[...shares, "both"].map((key) => pair(of[key])),
          ...[ratio(of.best[1]), of.mvue[0].toFixed(3)],
        ]),
      ),
    )
    .join("\n\n");
}

const FAMILIES = ["paired", "restored"];

/** The two methods with fixed masks beside each other, in trained layers; a table for each size of images. */
function maskFamilies(): string {
  const shares = ["s 0", "s 0.03", "s 0.5", "measured"];
  const cells = (prefix: string, of: Study["rows"][number]["of"]): string[] =>
    ["s 0.03", "measured"].flatMap((share) => FAMILIES.map((family) => pair(of[`${family} ${prefix} ${share}`])));
  const both = (share: string): string[] => FAMILIES.map((family) => `${family}, ${share}`);
  const head = [...shares.flatMap(both), ...["s 0.03", "measured"].flatMap(both).map((name) => `four: ${name}`)];
  return (readResult("fixed-masks.json") as Study[])
    .map(({ title, rows }) =>
      table(
        [title, "similarity", ...head],
        rows
          .filter(({ name }) => name.endsWith("trained"))
          .map(({ name, of }) => [
            ...[name.replace(" trained", ""), ratio(of.similarity[0])],
            ...shares.flatMap((share) => FAMILIES.map((family) => pair(of[`${family} ${share}`]))),
            ...cells("mean", of),
          ]),
      ),
    )
    .join("\n\n");
}

const MASKS = FAMILIES.flatMap((family) => ["columns", "quads", "checkerboard"].map((mask) => `${family} ${mask}`));

/** The same by mask, with s 0.03. */
function singleMasks(): string {
  const rows = (readResult("fixed-masks.json") as Study[]).flatMap((study) =>
    study.rows
      .filter(({ name }) => name.endsWith("trained"))
      .map(({ name, of }) => [
        `${study.title.match(/\d+ x \d+/)?.[0]}, ${name.replace(" trained", "")}`,
        ...MASKS.map((mask) => pair(of[`${mask} s 0.03`])),
      ]),
  );
  return table(["cosine/norm, s 0.03", ...MASKS], rows);
}

/** Dense / under a fixed mask, with quartiles. */
function maskSpeed(): string {
  const { machine, cases } = readResult("fixed-masks-speed.json") as unknown as {
    readonly machine: Place;
    readonly cases: readonly {
      readonly name: string;
      readonly denseMs: number;
      readonly ratios: Readonly<Record<string, { readonly median: number; readonly q1: number; readonly q3: number }>>;
    }[];
  };
  const rows = cases.map(({ name, denseMs, ratios }) => [
    ...[name, denseMs.toPrecision(3)],
    ...MASKS.map((mask) => `${ratio(ratios[mask].median)} (${ratio(ratios[mask].q1)} to ${ratio(ratios[mask].q3)})`),
  ]);
  return `${above([machine])}\n\n${table(["dense / masked", "dense, ms", ...MASKS], rows)}`;
}

interface Csr {
  readonly machine: Place;
  readonly matrices: readonly {
    readonly batch: number;
    readonly sparsity: number;
    readonly denseUs: number;
    readonly csrUs: number;
    readonly ratio: number;
    readonly refreshed: number;
    readonly pattern: string;
    readonly patternRatio: number;
    readonly weightGradRatio: number;
  }[];
  readonly convolutions: readonly {
    readonly batch: number;
    readonly height: number;
    readonly width: number;
    readonly channels: number;
    readonly out: number;
    readonly sparsity: number;
    readonly ratio: number;
    readonly inputGradRatio: number;
    readonly weightGradRatio: number;
  }[];
}
const csr = readResult("csr.json") as Csr;

function compressedRows(): string {
  const rows = csr.matrices.map((one) => [
    ...[one.batch, one.sparsity, one.denseUs, one.csrUs, ratio(one.ratio), ratio(one.refreshed)],
    `${ratio(one.patternRatio)} (${one.pattern})`,
  ]);
  const head = ["batch", "sparsity", "dense, us", "CSR, us", "dense / CSR", "with new values", "dense / N:M"];
  return `${above([csr.machine])}\n\n${table(head, rows)}`;
}

/** A row for each name, a column for each sparsity. */
function bySparsity<T extends { readonly sparsity: number }>(
  cases: readonly T[],
  nameOf: (one: T) => string,
  cell: (one: T) => string,
): { readonly sparsities: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  const sparsities = [0.5, 0.75, 0.9, 0.95];
  const rows = [...new Set(cases.map(nameOf))].map((name) => {
    const own = cases.filter((one) => nameOf(one) === name);
    return [name, ...sparsities.map((sparsity) => cell(own.find((one) => one.sparsity === sparsity)!))];
  });
  return { sparsities: sparsities.map((sparsity) => `${100 * sparsity} %`), rows };
}
const convolutionName = ({ batch, height, width, channels, out }: Csr["convolutions"][number]): string =>
  `${batch}x${height}x${width}x${channels}:${out}`;

function csrConvolutions(): string {
  const { sparsities, rows } = bySparsity(
    csr.convolutions,
    convolutionName,
    (one) => `${ratio(one.ratio)} (${ratio(one.inputGradRatio)})`,
  );
  return table(["batch x height x width x channels: outputs", ...sparsities], rows);
}

function csrWeightGrad(): string {
  const of = ({ weightGradRatio }: { readonly weightGradRatio: number }): string => ratio(weightGradRatio);
  const convolutions = bySparsity(csr.convolutions, convolutionName, of);
  const large = csr.matrices.filter(({ batch }) => batch >= 64).toReversed();
  const matrices = bySparsity(large, ({ batch }) => `batch ${batch}`, of);
  return table(["dense / CSR", ...convolutions.sparsities], [...convolutions.rows, ...matrices.rows]);
}

const [kernels, wholeStep, masks, zeros] = [
  "docs/design/0001-kernels.md",
  "docs/design/0003-a-whole-step.md",
  "docs/design/0004-fixed-activation-masks.md",
  "docs/design/0006-unstructured.md",
];
/** Steps of this tree beside those of 0.1. */
function versions(): string {
  interface VersionCase {
    readonly backend: string;
    readonly instructionSet: string;
    readonly model: string;
    readonly plan: string;
    readonly batch: number;
    readonly pairs: number;
    readonly oldMs: number;
    readonly newMs: number;
    readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
  }
  const { machine, cases } = readResult("versions.json") as unknown as {
    readonly machine: { readonly cpu: string; readonly threads: number };
    readonly cases: readonly VersionCase[];
  };
  const exact = (x: number): string => x.toFixed(3);
  const rows = cases.map(({ backend, instructionSet, model, plan, batch, pairs, oldMs, newMs, ratio: r }) => [
    ...[
      `${backend} ${instructionSet}`,
      `${model}, batch ${batch}`,
      plan === "dense" ? plan : `${plan} 2:4`,
      `${pairs}`,
    ],
    ...[oldMs.toFixed(1), newMs.toFixed(1), `${exact(r.median)} (${exact(r.low)} to ${exact(r.high)})`],
  ]);
  const head = ["backend", "model", "step", "pairs", "0.1, ms", "now, ms", "now / 0.1"];
  return `${machine.cpu} with AMX, ${machine.threads} thread:\n\n${table(head, rows)}`;
}

fill(kernels, "matrices", products("gemm.json"));
fill(kernels, "convolutions", products("convolutions.json"));
fill(wholeStep, "steps", steps());
fill(masks, "masks", fixedMasks());
fill(masks, "families", maskFamilies());
fill(masks, "single", singleMasks());
fill(masks, "speed", maskSpeed());
fill(zeros, "matrices", compressedRows());
fill(zeros, "convolutions", csrConvolutions());
fill(zeros, "weightGrad", csrWeightGrad());
fill("docs/design/0008-same-plan-same-bits.md", "versions", versions());
