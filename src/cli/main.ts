#!/usr/bin/env node
/** The command line. Exit code 1: a run or a check failed; 2: the command line or a recipe was wrong. */
import { Command, CommanderError } from "commander";
import { TrisparseError } from "../core/errors.ts";
import { version } from "../node/version.ts";
import { addAccount } from "./account.ts";
import { addBench } from "./bench.ts";
import { addCompare } from "./compare.ts";
import { addCompress } from "./compress.ts";
import { addExplain } from "./explain.ts";
import { addReport } from "./report.ts";
import { addReproduce } from "./reproduce.ts";
import { addResume, addTrain } from "./train.ts";
import { commandLineError, UsageError } from "./usage.ts";

// a reader that has seen enough, as head, is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const program = new Command("trisparse")
  .description("Trains neural networks with N:M structured sparsity, on kernels that skip the zeros.")
  .version(version)
  .configureOutput({ outputError: () => {} })
  .addHelpText(
    "after",
    `
Examples:
  trisparse compare            dense, SR-STE and fully sparse on drawn digits
  trisparse compare --data fashion-mnist --methods dense,sr-ste --pattern 1:4
  trisparse train recipes/digits-mlp-sr-ste.json
  trisparse resume runs/2026-11-21-184501
  trisparse report runs/2026-11-21-184501
  trisparse explain recipes/digits-mlp-sr-ste.json
  trisparse compress recipes/mnist-lenet-ssl.json
  trisparse account runs/2026-11-21-184501
  trisparse reproduce decay-calms-masks
  trisparse bench gemm --sizes 512,64x1024x1024 --threads 1

trisparse <command> --help explains the options of each.`,
  );

for (const add of [
  addCompare,
  addTrain,
  addResume,
  addCompress,
  addReport,
  addExplain,
  addAccount,
  addReproduce,
  addBench,
])
  add(program);
for (const command of [program, ...program.commands]) {
  command.exitOverride((error) => {
    throw error.exitCode === 0 || error.code === "commander.help" ? error : commandLineError(command, error);
  });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof TrisparseError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  } else {
    process.stderr.write(
      `trisparse: an error of the program itself. Please report it with these lines.\n${(error as Error).stack}\n`,
    );
    process.exitCode = 1;
  }
}
