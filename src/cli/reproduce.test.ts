import { expect, test } from "vitest";
import { Place } from "../../test/command.ts";

test("reproduce adds to the claims of its folder, and --json and the pages have all of them", async () => {
  const place = new Place();
  const common = ["--threads", "1", "--out", "o", "--json", "j.json"];
  await place.succeed("reproduce", "early-structure", "--seeds", "1", ...common);
  // the first claim of the table, and other seeds
  const { stdout, stderr } = await place.succeed("reproduce", "1", "--seeds", "2", ...common);
  expect(stderr).toMatch(/^\d+ trainings are left: about .* in one process$/m);
  const { claims } = JSON.parse(place.read("j.json").toString());
  expect(place.read("o/claims.json")).toEqual(place.read("j.json"));
  const found = claims.map(({ name, seeds, machine }: Record<string, object>) => [
    name,
    seeds,
    machine.constructor.name,
  ]);
  expect(found).toEqual([
    ["sr-ste-matches-dense", 2, "Object"],
    ["early-structure", 1, "Object"],
  ]);
  for (const page of [stdout, place.read("o/claims.md").toString(), place.read("o/claims.html").toString()]) {
    expect(page).toMatch(/sr-ste-matches-dense.*early-structure.*2 seeds; .*1 seed; /s);
  }
}, 120_000);
