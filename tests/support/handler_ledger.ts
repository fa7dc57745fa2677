/** Proofs of when handlers ran: a handler that writes its life down, and a search for two attempts side by side. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Compiles the handler of ledger_handler.c. */
export function compileLedgerHandler(output: string): void {
  const source = join(import.meta.dir, "ledger_handler.c");
  execFileSync("cc", ["-std=c11", "-O1", "-Wall", "-o", output, source]);
}

/** One run of a handler, on the monotonic clock in nanoseconds. */
interface Run {
  readonly attempt: number;
  readonly firstNs: bigint;
  lastNs: bigint;
  finished: boolean;
}

/** What a ledger says about all messages. */
export interface LedgerFindings {
  /** Messages of which some attempt came to its end. */
  readonly finished: number;
  /** Attempts that were cut short. */
  readonly cutShort: number;
  /** Attempts of one message that lived at the same time, in words. */
  readonly overlaps: readonly string[];
  /** Attempts whose number is that of an earlier one, in words. */
  readonly unflagged: readonly string[];
}

function readRuns(path: string): Map<string, Run[]> {
  const byMessage = new Map<string, Map<string, Run>>();
  for (const line of readFileSync(path, "utf8").trimEnd().split("\n")) {
    const [id = "", attempt = "", pid = "", ns = "", what] = line.split(" ");
    const runs = byMessage.get(id) ?? new Map<string, Run>();
    byMessage.set(id, runs);
    const run = runs.get(pid) ?? {
      attempt: Number(attempt),
      firstNs: BigInt(ns),
      lastNs: BigInt(ns),
      finished: false,
    };
    runs.set(pid, run);
    run.lastNs = BigInt(ns);
    run.finished ||= what === "e";
  }
  return new Map(
    [...byMessage].map(([id, runs]) => [
      id,
      [...runs.values()].sort((a, b) => (a.firstNs < b.firstNs ? -1 : 1)),
    ]),
  );
}

/** Looks through a ledger that handlers of `ledger_handler.c` wrote. */
export function readLedger(path: string): LedgerFindings {
  const overlaps: string[] = [];
  const unflagged: string[] = [];
  let finished = 0;
  let cutShort = 0;
  for (const [id, runs] of readRuns(path)) {
    if (runs.some((run) => run.finished)) finished++;
    cutShort += runs.filter((run) => !run.finished).length;
    for (const [index, run] of runs.entries()) {
      const before = runs[index - 1];
      if (before === undefined) continue;
      if (before.lastNs >= run.firstNs)
        overlaps.push(
          `message ${id}: attempt ${before.attempt} lived ${before.lastNs - run.firstNs} ns into attempt ${run.attempt}`,
        );
      if (run.attempt <= before.attempt)
        unflagged.push(
          `message ${id}: attempt ${run.attempt} after attempt ${before.attempt}`,
        );
    }
  }
  return { finished, cutShort, overlaps, unflagged };
}
