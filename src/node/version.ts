/** The version of the package. Every layer may import it. */
import { readFileSync } from "node:fs";
import { packageFile } from "./package-files.ts";

const manifest = JSON.parse(readFileSync(packageFile("../../package.json", "package.json"), "utf8")) as {
  version: string;
};

export const version: string = manifest.version;
