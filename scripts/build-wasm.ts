/**
 * Compiles native/wasm.cc to src/kernels/trisparse.wasm with the clang that npm provides: no compiler on the machine is
 * needed and the result is the same everywhere. With --check nothing is written; exit code 1 if the file in the tree is
 * not what the sources give.
 */
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runLLVM, type Tree } from "@yowasp/clang";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const native = join(root, "native");
const target = join(root, "src", "kernels", "trisparse.wasm");

// Without the two limits the module is a sixth larger and no faster: V8 wants small bodies.
const flags = [
  ...[
    "-std=c++17",
    "-O3",
    "--target=wasm32-unknown-unknown",
    "-msimd128",
    "-mbulk-memory",
    "-matomics",
    "-mnontrapping-fptoint",
  ],
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

/** The module's bytes. */
export async function buildWasm(): Promise<Uint8Array> {
  const messages: string[] = [];
  const note = (bytes: Uint8Array | null): void => {
    if (bytes !== null) messages.push(new TextDecoder().decode(bytes));
  };
  const options = { stdout: note, stderr: note, fetchProgress: () => {} };
  try {
    const compiled = await runLLVM(["clang++", ...flags, "-c", "wasm.cc", "-o", "wasm.o"], sources(native), options);
    const linked = await runLLVM(["wasm-ld", ...linking, "wasm.o", "-o", "trisparse.wasm"], compiled, options);
    return linked?.["trisparse.wasm"] as Uint8Array;
  } catch (error) {
    throw new Error(`build:wasm: the compiler failed\n${messages.join("")}`, {
      cause: (error as { code?: number }).code,
    });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await buildWasm();
  const size = `${(bytes.length / 1024).toFixed(1)} KiB`;
  if (process.argv.includes("--check")) {
    const same = Buffer.from(bytes).equals(readFileSync(target));
    console.log(
      same
        ? `build:wasm: src/kernels/trisparse.wasm is what the sources give (${size})`
        : 'build:wasm: expected src/kernels/trisparse.wasm to be what the sources give, got another file. Run "npm run build:wasm" and commit it.',
    );
    process.exitCode = same ? 0 : 1;
  } else {
    writeFileSync(`${target}.new`, bytes);
    renameSync(`${target}.new`, target);
    console.log(`built src/kernels/trisparse.wasm (${size})`);
  }
}
