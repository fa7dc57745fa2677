/** `top` for pipes, files and terminals that know no more than lines. */
import { ExitCode } from "../../command_line/exit_codes.ts";
import { onceAborted, StopRequests } from "../../processes/lifecycle.ts";
import { printOut } from "../../standard_streams/output.ts";
import { queueColumns, workerColumns } from "./columns.ts";
import type { QueueRow, TopSample, WorkerRow } from "./rows.ts";
import type { Sampler } from "./sampler.ts";
import { layOutTable } from "./table_layout.ts";
import { visibleText } from "./visible_text.ts";

/** What it is started with. */
export interface PlainOptions {
  readonly intervalMs: number;
  /** Samples; undefined for no end. */
  readonly count: number | undefined;
  readonly format: "text" | "json";
}

/** How long a sample may wait for workers: nobody sits in front of it. */
const patienceMs = 2000;

function queueJson(row: QueueRow): object {
  const { counts, rates, outlook } = row;
  return {
    name: row.name,
    state: row.state,
    waiting: counts?.waiting ?? null,
    leased: counts?.leased ?? null,
    delayed: counts?.delayed ?? null,
    dead: counts?.dead ?? null,
    new_dead: row.newDead,
    new_requeued: row.newRequeued,
    in_per_s: rates?.in ?? null,
    out_per_s: rates?.out ?? null,
    oldest_age_ms: counts?.oldestAgeMs ?? null,
    usage: counts?.usage ?? null,
    participants: counts?.participants ?? null,
    consumers: counts?.consumers ?? null,
    outlook,
    problems: row.problems,
  };
}

function workerJson(row: WorkerRow): object {
  const { longestMs, handlers, ...rest } = row;
  return {
    ...rest,
    handlers: handlers.map(({ forMs, ...handler }) => ({
      ...handler,
      for_ms: forMs,
    })),
    longest_ms: longestMs,
  };
}

function toJson({ atMs, queues, workers, problem }: TopSample): string {
  return `${JSON.stringify({
    at_ms: atMs,
    queues: queues.map(queueJson),
    workers: workers.map(workerJson),
    problem,
  })}\n`;
}

function toText({ atMs, queues, workers, problem }: TopSample): string {
  const lines = [new Date(atMs).toISOString()];
  if (problem !== null) lines.push(`! workers: ${visibleText(problem)}`);
  const add = ({ heading, rows }: ReturnType<typeof layOutTable>): void => {
    lines.push(heading, ...rows);
  };
  if (queues.length > 0)
    add(layOutTable(queueColumns, queues, Number.POSITIVE_INFINITY));
  if (workers.length > 0)
    add(layOutTable(workerColumns, workers, Number.POSITIVE_INFINITY));
  return `${lines.join("\n")}\n\n`;
}

/**
 * Prints a sample at the end of each interval: the first one, which has no rates yet, is only looked at.
 *
 * @returns the exit code
 * @throws {BrokenPipe} when nobody reads
 */
export async function runPlain(
  sampler: Sampler,
  options: PlainOptions,
): Promise<number> {
  using stop = new StopRequests();
  const stopped = Promise.withResolvers<void>();
  onceAborted(stop.stop, () => stopped.resolve());
  const print = options.format === "json" ? toJson : toText;
  let next = performance.now() + options.intervalMs;
  await sampler.sample(patienceMs);
  for (let printed = 0; printed !== options.count; printed++) {
    await Promise.race([
      Bun.sleep(Math.max(0, next - performance.now())),
      stopped.promise,
    ]);
    if (stop.exitCode !== undefined) return stop.exitCode;
    next = Math.max(next + options.intervalMs, performance.now());
    await printOut(print(await sampler.sample(patienceMs)));
  }
  return ExitCode.done;
}
