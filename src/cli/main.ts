#!/usr/bin/env node
/** The command line. Exit code 1: a run or a check failed; 2: the command line or a recipe was wrong. */
import { CommanderError } from "commander";
import { TrisparseError } from "../core/errors.ts";
import { withCurrentOptions } from "./former-options.ts";
import { makeProgram } from "./program.ts";
import { UsageError } from "./usage.ts";

// it is no error if the reader of the output, such as head, has seen enough
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const words = withCurrentOptions(process.argv.slice(2), (former, now) => {
    process.stderr.write(`${former} is called ${now} now. Its former name still works.\n`);
  });
  await makeProgram().parseAsync(words, { from: "user" });
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
