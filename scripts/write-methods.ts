/** Writes the tables of docs/methods/README.md from the tables of methods. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withMethodTables } from "../src/lab/report/methods-page.ts";
import { writeFileAtomically } from "../src/node/files.ts";

const path = fileURLToPath(new URL("../docs/methods/README.md", import.meta.url));
writeFileAtomically(path, withMethodTables(readFileSync(path, "utf8")));
