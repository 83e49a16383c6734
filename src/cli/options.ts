/** Options that verbs share, and what they stand for. */
import { Option } from "commander";
import { expected } from "../errors.ts";
import { pick } from "../kernels/pick.ts";
import { Device } from "../tensor/device.ts";

export interface MachineOptions {
  readonly threads?: number;
  readonly backend?: string;
  readonly json?: string;
}

/** A whole number of at least `min`, from the command line. */
export function wholeNumber(name: string, min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min) {
      throw expected(
        `--${name}`,
        `a whole number of at least ${min}`,
        JSON.stringify(text),
        `For example --${name} ${Math.max(min, 1)}`,
      );
    }
    return value;
  };
}

export const threadsOption: Option = new Option("--threads <count>", "threads of the native kernels").argParser(
  wholeNumber("threads", 1),
);
export const backendOption: Option = new Option(
  "--backend <name>",
  "native, wasm or js; default: the fastest that works",
);
export const jsonOption: Option = new Option("--json <file>", "write the results as JSON; - is standard output");

/** Opens the device that the options ask for, and says on stderr what was chosen. */
export function openDevice({ threads, backend }: MachineOptions): Device {
  const { kernels, why } = pick({
    ...(threads === undefined ? {} : { threads }),
    ...(backend === undefined ? {} : { backend: backend as "native" | "wasm" | "js" }),
  });
  process.stderr.write(`${why}\n`);
  return new Device(kernels);
}
