/** The model's table of parts, and its mistakes, are those of the sources. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { modelMutations, modelRuns } from "../../../scripts/model_runs.ts";
import { readDocument, root, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const rows = tableRows(readDocument("docs/model.md"));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const named = (cell: string) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

describe("docs/model.md", () => {
  const parts = rows.filter(([cell = ""]) => cell.includes(".pml: "));
  const mistakes = rows
    .flatMap(([cell = ""]) => named(cell))
    .filter((name) => name.startsWith("M_"));

  test("each part of the model exists, and each function that it mirrors", () => {
    expect(parts.length).toBeGreaterThan(20);
    for (const name of parts.flat().flatMap(named)) {
      const [file = "", symbol = ""] = name.split(": ");
      const model = file.endsWith(".pml");
      const text = read(model ? `ffi/c/model/${file}` : `ffi/c/${file}`);
      const defined = model
        ? new RegExp(`^(?:inline|proctype) ${symbol}\\(`, "m")
        : new RegExp(`^[a-z][^;]*\\b${symbol}\\([^;]*\\{`, "m");
      if (!defined.test(text)) throw new Error(`${file} has no ${symbol}`);
    }
  });

  test("its mistakes are those that are looked for, and those of the model", () => {
    const models = readdirSync(join(root, "ffi/c/model"))
      .map((name) => read(`ffi/c/model/${name}`))
      .join("");
    const built = models.match(/\bM_[A-Z_]+\b/g) ?? [];
    const searched = modelMutations.map(({ mutation }) => mutation);
    expect([...new Set(built)].sort()).toEqual([...mistakes].sort());
    expect([...searched].sort()).toEqual([...mistakes].sort());
  });

  test("each mistake is looked for in a run that there is", () => {
    const names = modelRuns.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    for (const { run } of modelMutations) expect(names).toContain(run);
  });

  test("its figures are of all the runs that there are", () => {
    const figures = rows
      .map(([cell = ""]) => named(cell)[0] ?? "")
      .filter((name) =>
        modelRuns.some((run) => name.split(":")[0] === run.name),
      );
    const searched = modelRuns.flatMap(({ name, ends }) =>
      ends ? [name, `${name}: ends`] : [name],
    );
    expect(figures.sort()).toEqual(searched.sort());
  });
});
