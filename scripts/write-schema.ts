/** Writes recipes/schema.json, for editors, from the one definition of recipes. */
import { fileURLToPath } from "node:url";
import { recipeSchema } from "../src/lab/recipes/recipe.ts";
import { writeFileAtomically } from "../src/node/files.ts";

const path = fileURLToPath(new URL("../recipes/schema.json", import.meta.url));
writeFileAtomically(path, `${JSON.stringify(recipeSchema(), null, 2)}\n`);
