/**
 * Checks the models of ffi/c/model with spin, exhaustively: every configuration
 * must hold, and every deliberate mistake must be found. `--quick`: the small
 * configurations and all mistakes. Ends with `N passed, N failed`, and with 1
 * when something failed.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ModelRun, modelMutations, modelRuns } from "./model_runs.ts";
import { root } from "./source_files.ts";

const quick = process.argv.includes("--quick");
const memoryMegabytes = 8000;
const searchSecondsMax = 900;
const depthMax = 1_000_000;

interface Search {
  readonly output: string;
  readonly seconds: number;
}

/** What a search came to: held, an error, or why it says nothing. */
type Outcome = "holds" | "error" | "not exhaustive";

function command(
  directory: string,
  words: string[],
  secondsMax: number,
): Search {
  const begun = performance.now();
  const child = Bun.spawnSync(words, {
    cwd: directory,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: secondsMax * 1000,
  });
  return {
    output: `${child.stdout.toString()}${child.stderr.toString()}`,
    seconds: (performance.now() - begun) / 1000,
  };
}

function search(
  run: ModelRun,
  name: string,
  extra: string[],
  cycles: boolean,
): Search {
  const directory = join(root, "build/model", name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const lines = [...Object.entries(run.define), ...extra.map((e) => [e, 1])]
    .map(([key, value]) => `#define ${key} ${value}`)
    .concat(`#include "${join(root, "ffi/c/model", `${run.model}.pml`)}"`);
  writeFileSync(join(directory, "model.pml"), `${lines.join("\n")}\n`);
  const made = command(directory, ["spin", "-a", "model.pml"], 60);
  // Compiling the checker well takes longer than a short search saves.
  const compiled = command(
    directory,
    [
      "cc",
      quick || extra.length > 0 ? "-O0" : "-O2",
      "-w",
      cycles ? "-DNP" : "-DSAFETY",
      "-DCOLLAPSE",
      "-DNOREDUCE",
      `-DMEMLIM=${memoryMegabytes}`,
      "-o",
      "pan",
      "pan.c",
    ],
    300,
  );
  const result = command(
    directory,
    ["nice", "./pan", ...(cycles ? ["-l"] : []), `-m${depthMax}`, "-n", "-w22"],
    searchSecondsMax,
  );
  return {
    output: `${made.output}${compiled.output}${result.output}`,
    seconds: result.seconds,
  };
}

function outcome(output: string): Outcome {
  const errors = /errors: (\d+)/.exec(output)?.[1];
  if (errors !== undefined && errors !== "0") {
    return /assertion violated|invalid end state|non-progress cycle/.test(
      output,
    )
      ? "error"
      : "not exhaustive";
  }
  const cut =
    /max search depth too small|out of memory|Search not completed|too many|Error/;
  return errors === "0" && !cut.test(output) ? "holds" : "not exhaustive";
}

function figures({ output, seconds }: Search): string {
  const states = /([\d.e+]+) states, stored/.exec(output)?.[1] ?? "?";
  const depth = /depth reached (\d+)/.exec(output)?.[1] ?? "?";
  return `${Number(states).toLocaleString("en").padStart(12)} states  depth ${depth.padStart(5)}  ${seconds.toFixed(1).padStart(6)} s`;
}

function reason(output: string): string {
  return /^pan:\d*:? .*$/m.exec(output)?.[0] ?? output.slice(0, 400);
}

let passed = 0;
let failed = 0;

function report(
  name: string,
  searched: Search,
  result: string,
  good: boolean,
): void {
  if (good) passed++;
  else failed++;
  console.log(`${name.padEnd(44)} ${figures(searched)}  ${result}`);
}

for (const run of modelRuns.filter((each) => !quick || each.quick)) {
  const searched = search(run, run.name, [], false);
  const result = outcome(searched.output);
  report(
    run.name,
    searched,
    result === "holds" ? result : `${result}: ${reason(searched.output)}`,
    result === "holds",
  );
  if (!run.ends) continue;
  const name = `${run.name}: ends`;
  const ending = search(run, `${run.name}-ends`, ["NO_JUDGEMENT"], true);
  const ended = outcome(ending.output);
  report(
    name,
    ending,
    ended === "holds" ? ended : `${ended}: ${reason(ending.output)}`,
    ended === "holds",
  );
}
for (const { mutation, run: name } of modelMutations) {
  const run = modelRuns.find((each) => each.name === name);
  if (run === undefined) throw new Error(`${mutation}: no run named ${name}`);
  const searched = search(run, `${name}-${mutation}`, [mutation], false);
  const result = outcome(searched.output);
  report(
    mutation,
    searched,
    result === "error" ? `found: ${reason(searched.output)}` : "NOT FOUND",
    result === "error",
  );
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
