import { writeFileSync } from "node:fs";
import type { TransportClient } from "../../src/transport/client/client.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { onceAborted, StopRequests } from "../processes/lifecycle.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { startProgress } from "../standard_streams/progress.ts";
import { closedLoop, type Load, openLoop } from "./bench/load.ts";
import { type BenchInvocation, benchOptions } from "./bench/options.ts";
import { RatePlot } from "./bench/plot.ts";
import {
  describeReport,
  readReport,
  regressions,
  reportOf,
} from "./bench/report.ts";
import { Tally } from "./bench/tally.ts";
import { messageValues, openClient } from "./open_client.ts";
import { formatMs } from "./percentiles.ts";

/** Under way at a time on each connection, with `--rate`. */
const openLoopUnderWay = 4096;

async function connectAll(
  url: string,
  given: BenchInvocation["options"],
  signal: AbortSignal,
): Promise<TransportClient[]> {
  const clients: TransportClient[] = [];
  try {
    // One after the other: a thousand at once would be a test of the kernel's backlog.
    while (clients.length < given.connections)
      clients.push(await openClient(url, given, { signal }));
  } catch (error) {
    await Promise.all(clients.map((client) => client.close()));
    throw error;
  }
  return clients;
}

/** Letters, so that a demo server takes them for text. */
function bodyOf(sizeBytes: number): Uint8Array {
  return Uint8Array.from(
    { length: sizeBytes },
    (_, index) => 97 + (index % 26),
  );
}

function writeHgrm(path: string, tally: Tally): void {
  try {
    writeFileSync(path, tally.response.hgrm);
  } catch (error) {
    throw new CommandFailure(
      ExitCode.failed,
      `--hgrm ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

async function run({
  options: given,
  operands: [url = ""],
  environment,
}: BenchInvocation): Promise<number> {
  const before =
    given.compare === undefined ? undefined : readReport(given.compare);
  using stop = new StopRequests();
  const tally = new Tally();
  const concurrency =
    given.concurrency ?? (given.rate === undefined ? 1 : openLoopUnderWay);
  let seconds = given.duration / 1000;
  try {
    const clients = await connectAll(url, given, stop.stop);
    onceAborted(stop.stop, () => {
      for (const client of clients) void client.close();
    });
    try {
      const startMs = performance.now();
      tally.fromMs = startMs + given.warmup;
      const untilMs = tally.fromMs + given.duration;
      const load: Load = {
        clients,
        body: bodyOf(given.size),
        message: messageValues(given),
        timeoutMs: given.timeout,
        oneWay: given.oneWay,
        untilMs,
        stop: stop.stop,
        tally,
      };
      const plot = new RatePlot(() => tally.completed);
      using _progress = startProgress(environment, () => ({
        count: tally.completed,
        share: {
          done: Math.min(performance.now() - startMs, untilMs - startMs),
          total: untilMs - startMs,
        },
        notes: [`p99 ${formatMs(tally.response.at(99))}`, plot.draw()],
      }));
      await (given.rate === undefined
        ? closedLoop(load, concurrency)
        : openLoop(load, given.rate, concurrency * clients.length));
      if (stop.stop.aborted)
        seconds = Math.max(0.001, (performance.now() - tally.fromMs) / 1000);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  }
  const report = reportOf(url, given, concurrency, tally, seconds);
  await printOut(
    given.output === "json"
      ? `${JSON.stringify(report)}\n`
      : describeReport(report),
  );
  if (given.hgrm !== undefined) writeHgrm(given.hgrm, tally);
  if (stop.exitCode !== undefined) return stop.exitCode;
  if (tally.completed === 0) return ExitCode.failed;
  if (before === undefined) return ExitCode.done;
  const worse = regressions(before, report, given.tolerance);
  for (const reason of worse) say(`worse than ${given.compare}: ${reason}`);
  return worse.length > 0 ? ExitCode.failed : ExitCode.done;
}

/** `bench URL`: a load test. */
export const bench = defineVerb({
  operands: ["<url>"],
  options: benchOptions,
  notes: `With --rate it is an open loop: messages begin by the clock, and a response time counts from when the message should have begun, so that a server which stalls
does not hide it. A service time counts from when it did begin. Without --rate each begins when the one before is answered.
Exit code 0: done; 1: worse than --compare, or nothing was answered; 2: --compare was run otherwise; 5: the server cannot be reached.`,
  examples: [
    "ringwire-client bench tcp://127.0.0.1:8080 --rate 50000 --duration 30s --hgrm tcp.hgrm",
    "ringwire-client bench unix:///run/rw.sock -j 256 --size 1KiB -o json >before.json",
    "ringwire-client bench unix:///run/rw.sock -j 256 --size 1KiB --compare before.json --tolerance 10",
  ],
  run,
});
