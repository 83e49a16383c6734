#!/usr/bin/env node
/** The command line. Exit code 1: something failed; 2: the command line itself was wrong. */
import { Command, CommanderError } from "commander";
import { TrisparseError } from "../errors.ts";
import { addCompare } from "./compare.ts";
import { addResume, addTrain } from "./train.ts";

const program = new Command("trisparse")
  .description("trains neural networks with N:M structured sparsity, on kernels that skip the zeros")
  .version("0.1.0")
  .showSuggestionAfterError()
  .showHelpAfterError("(--help lists what there is)")
  .exitOverride();

for (const add of [addCompare, addTrain, addResume]) add(program);
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof TrisparseError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = /^(--|compare: expected a recipe|recipe|pattern)/.test(error.message) ? 2 : 1;
  } else {
    process.stderr.write(
      `trisparse: an error of the program itself. Please report it with these lines.\n${(error as Error).stack}\n`,
    );
    process.exitCode = 1;
  }
}
