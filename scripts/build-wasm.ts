/**
 * Compiles native/wasm.cc to the two modules in src/core/backend, without and with relaxed SIMD, with the clang that npm
 * provides: no compiler on the machine is needed and the result is the same everywhere. Each module says in a section of its
 * own what it was made from, which a test compares. With --check all is compiled and nothing written; exit code 1 if a file in the
 * tree is not what the sources give.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runLLVM, type Tree } from "@yowasp/clang";
import { WASM_FILES, WASM_INSTRUCTION_SETS, type WasmInstructionSet } from "../src/core/backend/wasm.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const native = join(root, "native");

const machine = ["--target=wasm32-unknown-unknown", "-msimd128", "-mbulk-memory", "-matomics", "-mnontrapping-fptoint"];
// Without the two limits the module is a sixth larger and no faster: V8 wants small bodies.
const flags = [
  ...["-std=c++17", "-O3", ...machine],
  ...[
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-ffreestanding",
    "-nostdinc++",
    "-I.",
  ],
  ...["-mllvm", "-inline-threshold=60", "-mllvm", "-unroll-runtime=false"],
  ...["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unknown-pragmas", "-Wno-pass-failed"],
];
// Shared memory: views of it stay valid when it grows.
const linking = [
  ...["--no-entry", "--import-memory", "--shared-memory", "--max-memory=4294967296", "--export-table", "--strip-all"],
  ...["--export=__heap_base", "--export=__stack_pointer", "--stack-first", "-z", "stack-size=262144"],
];

function sources(folder: string): Tree {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) =>
    /\.(h|def|inl)$|^body$|^wasm\.cc$/.test(name),
  );
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      return [entry.name, entry.isDirectory() ? sources(path) : readFileSync(path, "utf8")];
    }),
  );
}

/** The section that a module ends with: its kind (0: custom), length and name, and a hash of all that the module is made from. */
export function sourcesSection(instructionSet: WasmInstructionSet): Buffer {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const compiler: string = manifest.devDependencies["@yowasp/clang"];
  const made = JSON.stringify({ instructionSet, compiler, flags, linking, sources: sources(native) });
  const name = Buffer.from("sources");
  const hash = createHash("sha256").update(made).digest();
  // lengths below 128 are one byte
  return Buffer.concat([Uint8Array.of(0, 1 + name.length + hash.length, name.length), name, hash]);
}

/** The module's bytes. */
export async function buildWasm(instructionSet: WasmInstructionSet): Promise<Uint8Array> {
  const [printed, messages]: string[][] = [[], []];
  const decoder = new TextDecoder();
  const into = (list: string[]) => (bytes: Uint8Array | null) => {
    if (bytes !== null) list.push(decoder.decode(bytes));
  };
  const options = { stdout: into(printed), stderr: into(messages), fetchProgress: () => {} };
  const run = async (command: string[], files: Tree): Promise<Tree> => (await runLLVM(command, files, options)) as Tree;
  const compile = async (): Promise<Tree> => {
    const compiler = ["clang++", ...flags];
    if (instructionSet === "simd128") return run([...compiler, "-c", "wasm.cc", "-o", "wasm.o"], sources(native));
    // Only the assembler hears of relaxed SIMD: the compiler would use it on its own, see multiply_add. Assembly is
    // printed: a file grows by a copy for each of its words, which takes a minute.
    await run([...compiler, "-DRELAXED_SIMD", "-fno-integrated-as", "-S", "wasm.cc", "-o", "-"], sources(native));
    const assembler = ["clang++", ...machine, "-mrelaxed-simd"];
    return run([...assembler, "-c", "wasm.s", "-o", "wasm.o"], { "wasm.s": printed.join("") });
  };
  try {
    const linked = await run(["wasm-ld", ...linking, "wasm.o", "-o", "linked.wasm"], await compile());
    return Buffer.concat([linked["linked.wasm"] as Uint8Array, sourcesSection(instructionSet)]);
  } catch (error) {
    throw new Error(`build:wasm: the compiler failed\n${messages.join("")}`, {
      cause: (error as { code?: number }).code,
    });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const instructionSet of WASM_INSTRUCTION_SETS) {
    const bytes = await buildWasm(instructionSet);
    const file = `src/core/backend/${WASM_FILES[instructionSet]}`;
    const target = join(root, file);
    const size = `${(bytes.length / 1024).toFixed(1)} KiB`;
    if (!process.argv.includes("--check")) {
      writeFileSync(`${target}.new`, bytes);
      renameSync(`${target}.new`, target);
      console.log(`built ${file} (${size})`);
    } else if (existsSync(target) && Buffer.from(bytes).equals(readFileSync(target))) {
      console.log(`build:wasm: ${file} is what the sources give (${size})`);
    } else {
      console.log(
        `build:wasm: expected ${file} to be what the sources give, got another file. Run "npm run build:wasm" and commit it.`,
      );
      process.exitCode = 1;
    }
  }
}
