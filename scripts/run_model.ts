/**
 * Checks the models of ffi/c/model with spin, exhaustively: every configuration
 * must hold, and every deliberate mistake must be found. `--quick`: the small
 * configurations and all mistakes. `--write`: puts the figures into
 * docs/model.md. Names: only what is called so. Two searches at a time. Ends
 * with `N passed, N failed`, and with 1 when something failed.
 */
import { availableParallelism } from "node:os";
import { figuresWritten, type Figures } from "./model_figures.ts";
import { modelMutations, modelRuns } from "./model_runs.ts";
import { type Search, type Searched, searchModel } from "./model_search.ts";

const words = process.argv.slice(2);
const quick = words.includes("--quick");
const write = words.includes("--write");
const names = words.filter((word) => !word.startsWith("--"));
if (write && (quick || names.length > 0)) {
  throw new RangeError("--write needs all runs: neither --quick nor names");
}

const searches: Search[] = modelRuns
  .filter((run) => !quick || run.quick !== undefined)
  .flatMap((run) => [
    { run, name: run.name, short: quick },
    ...(run.ends && (!quick || run.quick === "states and ends")
      ? [{ run, name: `${run.name}: ends`, cycles: true, short: quick }]
      : []),
  ]);
for (const { mutation, run: name } of modelMutations) {
  const run = modelRuns.find((each) => each.name === name);
  if (run === undefined) throw new Error(`${mutation}: no run named ${name}`);
  searches.push({ run, name: mutation, mutation, short: true });
}
const chosen = searches.filter(
  ({ name, run }) =>
    names.length === 0 || names.includes(name) || names.includes(run.name),
);

let failed = 0;
const figures: Figures[] = [];

function report({ name, mutation, run, cycles }: Search, searched: Searched) {
  const { outcome, reason, states, depth, megabytes, seconds } = searched;
  const good = outcome === (mutation === undefined ? "holds" : "error");
  if (!good) failed++;
  const result =
    mutation === undefined
      ? `${outcome}${reason && ": "}${reason}`
      : good
        ? `found: ${reason}`
        : `NOT FOUND: ${outcome} ${reason}`;
  console.log(
    `${name.padEnd(48)} ${states.toLocaleString("en").padStart(11)} states  depth ${String(depth).padStart(5)}  ${megabytes.toFixed(0).padStart(5)} MB  ${seconds.toFixed(1).padStart(6)} s  ${result}`,
  );
  if (mutation === undefined && good) {
    const { CRASHES } = run.define;
    const kills = CRASHES !== 0;
    figures.push({ name, states, depth, megabytes, seconds, kills, cycles });
  }
}

const waiting = chosen.values();
async function searchOn(): Promise<void> {
  for (const search of waiting) report(search, await searchModel(search));
}
await Promise.all(
  Array.from({ length: Math.min(2, availableParallelism()) }, searchOn),
);
if (write && failed === 0) figuresWritten(figures);
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);
