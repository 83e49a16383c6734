/** The verbs of the command line, and the help that they share. */
import { Command } from "commander";
import { version } from "../node/version.ts";
import { addAccount } from "./account.ts";
import { addBench } from "./bench.ts";
import { addCompare } from "./compare.ts";
import { addCompress } from "./compress.ts";
import { addCurve } from "./curve.ts";
import { addExplain } from "./explain.ts";
import { addReport } from "./report.ts";
import { addReproduce } from "./reproduce.ts";
import { addResume, addTrain } from "./train.ts";
import { commandLineError } from "./usage.ts";

export function makeProgram(): Command {
  const program = new Command("trisparse")
    .description("Trains neural networks with N:M structured sparsity, on kernels that skip the zeros.")
    .version(version, "-V, --version", "Show the version.")
    .helpCommand("help [command]", "Show the options of a command.")
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      "after",
      `
Examples:
  trisparse compare            dense, SR-STE and fully sparse on drawn digits
  trisparse compare --data fashion-mnist --methods dense,sr-ste --pattern 1:4
  trisparse train recipes/digits-mlp-sr-ste.json --lr 0.002 --set method.pattern=1:4
  trisparse resume runs/2026-11-21-184501
  trisparse report runs/2026-11-21-184501
  trisparse explain recipes/digits-mlp-sr-ste.json
  trisparse compress recipes/mnist-lenet-ssl.json
  trisparse account runs/2026-11-21-184501
  trisparse curve --sparsity 0.5,0.9 --methods prune,prune-obs
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
    addCurve,
    addReproduce,
    addBench,
  ])
    add(program);
  for (const command of [program, ...program.commands]) {
    command.helpOption("-h, --help", "Show this help.");
    command.exitOverride((error) => {
      throw error.exitCode === 0 || error.code === "commander.help" ? error : commandLineError(command, error);
    });
  }
  return program;
}
