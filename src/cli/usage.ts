/** Wrong usage: invalid options, recipes and patterns. The exit code is 2, and nothing was made or trained. */
import type { Command, CommanderError } from "commander";
import { expected, nearest, TrisparseError } from "../core/errors.ts";

export class UsageError extends TrisparseError {}

/** Builds an error of the form of `expected`. */
export function usageError(where: string, what: string, got: string, todo: string): UsageError {
  return new UsageError(expected(where, what, got, todo).message);
}

/** Runs `check`, and marks its errors as errors in what the user asked for. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof TrisparseError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** The error for a word that is not among `known`; it names the nearest one. */
export function notAmong(where: string, what: string, known: readonly string[], got: string): UsageError {
  const near = nearest(got, known);
  return usageError(
    where,
    `${what} ${known.join(", ")}`,
    JSON.stringify(got),
    near === undefined ? "Choose one of these" : `Perhaps you mean ${JSON.stringify(near)}`,
  );
}

/** A hint if an option with an optional value took the word behind it, which may have been the argument. */
function swallowed(command: Command, argument: string): string | undefined {
  const { json } = command.opts<{ json?: string | true }>();
  return typeof json === "string" ? `Put --json behind <${argument}>, or write --json=-` : undefined;
}

/** Turns an error that commander found in a command line into our form. */
export function commandLineError(command: Command, { code, message }: CommanderError): UsageError {
  const name = command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
  const [, got = ""] = /'([^']*)'/.exec(message) ?? [];
  const todo = `Usage: ${name} ${command.usage()}`;
  switch (code) {
    case "commander.unknownCommand":
      return notAmong(
        name,
        "one of the verbs",
        command.commands.map((verb) => verb.name()),
        got,
      );
    case "commander.unknownOption": {
      const near = nearest(
        got,
        command.options.map(({ long }) => long!),
      );
      const hint = near === undefined ? `List them with: ${name} --help` : `Perhaps you mean "${near}"`;
      return usageError(name, "one of its options", `"${got}"`, hint);
    }
    case "commander.optionMissingArgument":
      return usageError(name, `a value for ${got}`, "none", todo);
    case "commander.missingArgument":
      return usageError(name, `<${got}>`, "nothing", swallowed(command, got) ?? todo);
    case "commander.excessArguments": {
      const { length } = command.registeredArguments;
      const what = length === 0 ? "options only" : `${length} argument and options`;
      const extra = command.args.slice(length).join(" ");
      return usageError(name, what, `"${extra}"`, todo);
    }
    default:
      return usageError(name, "a command line that --help describes", message.replace(/^error: |\.$/g, ""), todo);
  }
}
