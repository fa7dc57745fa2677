/** One search of a model of ffi/c/model: written down, compiled by spin and cc, run, and what came of it. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelRun } from "./model_run.ts";
import { root } from "./source_files.ts";

const memoryMegabytesMax = 4000;
const searchSecondsMax = 1200;
const depthMax = 1_000_000;

/** A search that is to be made. */
export interface Search {
  readonly run: ModelRun;
  /** The run's, and what is looked for in it. */
  readonly name: string;
  /** What is defined besides: a deliberate mistake. */
  readonly mutation?: string;
  /** Looks for processes that run for ever, instead of wrong states. */
  readonly cycles?: boolean;
  /** Compiled in a hurry: for searches that take less time than a good compiler. */
  readonly short: boolean;
}

/** What came of it. */
export interface Searched {
  /** All states hold, an error was found, or it was cut and says nothing. */
  readonly outcome: "holds" | "error" | "not exhaustive";
  /** What was found, or why it says nothing; empty when all states hold. */
  readonly reason: string;
  readonly states: number;
  readonly depth: number;
  readonly megabytes: number;
  readonly seconds: number;
}

async function command(
  directory: string,
  words: string[],
  secondsMax: number,
): Promise<string> {
  const child = Bun.spawn(words, {
    cwd: directory,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: secondsMax * 1000,
    killSignal: "SIGKILL",
  });
  const [out, error] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return `${out}${error}`;
}

/** What `output` of a checker says of all states. */
export function outcomeOf(output: string): Searched["outcome"] {
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

function reasonOf(output: string): string {
  return /^pan:\d+: .*$/m.exec(output)?.[0] ?? output.slice(0, 400);
}

function numberIn(pattern: RegExp, output: string): number {
  return Number(pattern.exec(output)?.[1] ?? Number.NaN);
}

/** Searches all states; out of time, memory or depth it is "not exhaustive". */
export async function searchModel(search: Search): Promise<Searched> {
  const { run, mutation, cycles, short } = search;
  const directory = join(
    root,
    "build/model",
    search.name.replaceAll(/[^\w-]+/g, "-"),
  );
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const define = {
    ...run.define,
    ...(mutation !== undefined && { [mutation]: 1 }),
    ...(cycles && { NO_JUDGEMENT: 1 }),
  };
  const lines = Object.entries(define)
    .map(([key, value]) => `#define ${key} ${value}`)
    .concat(`#include "${join(root, "ffi/c/model", `${run.model}.pml`)}"`);
  writeFileSync(join(directory, "model.pml"), `${lines.join("\n")}\n`);
  const nice = ["nice", "-n", "5"];
  const made = await command(
    directory,
    [...nice, "spin", "-a", "model.pml"],
    60,
  );
  const compiled = await command(
    directory,
    [
      ...nice,
      "cc",
      short ? "-O0" : "-O2",
      "-w",
      cycles ? "-DNP" : "-DSAFETY",
      "-DCOLLAPSE",
      "-DNOREDUCE",
      `-DMEMLIM=${memoryMegabytesMax}`,
      "-o",
      "pan",
      "pan.c",
    ],
    300,
  );
  const begun = performance.now();
  const result = await command(
    directory,
    [
      ...nice,
      "./pan",
      ...(cycles ? ["-l"] : []),
      `-m${depthMax}`,
      "-n",
      short ? "-w20" : "-w22",
    ],
    searchSecondsMax,
  );
  const output = `${made}${compiled}${result}`;
  const outcome = outcomeOf(output);
  return {
    outcome,
    reason: outcome === "holds" ? "" : reasonOf(output),
    states: numberIn(/([\d.e+]+) states, stored/, output),
    depth: numberIn(/depth reached (\d+)/, output),
    megabytes: numberIn(/([\d.]+)\s+total actual memory usage/, output),
    seconds: (performance.now() - begun) / 1000,
  };
}
