/** Writes the tables of docs/methods/README.md from the tables of methods and from their pages. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withMethodTables } from "../src/lab/report/methods-page.ts";
import { writeFileAtomically } from "../src/node/files.ts";

const folder = new URL("../docs/methods/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), "utf8");
writeFileAtomically(fileURLToPath(new URL("README.md", folder)), withMethodTables(read("README.md"), read));
