import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { integer, oneOf } from "../command_line/scalars.ts";
import { onceAborted, StopRequests } from "../processes/lifecycle.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { connectionOptions } from "./client_options.ts";
import { failureOf } from "./failure.ts";
import { openClient } from "./open_client.ts";
import { formatMs, Times } from "./percentiles.ts";

const options = {
  ...connectionOptions,
  count: valueOption(
    "-n, --count <count>",
    "how many",
    integer(1, 2 ** 48),
    5,
    "5",
  ),
  interval: valueOption(
    "--interval <duration>",
    "between two of them",
    duration({ maxMs: timerMsMax }),
    200,
    "200ms",
  ),
  output: valueOption(
    "-o, --output <format>",
    "text, json",
    oneOf("text", "json"),
    "text",
    "text",
  ),
};

type PingInvocation = Invocation<typeof options>;

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    onceAborted(stop, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function run({
  options: given,
  operands: [url = ""],
}: PingInvocation): Promise<number> {
  using stop = new StopRequests();
  const times = new Times();
  const codes: number[] = [];
  try {
    await using client = await openClient(url, given, { signal: stop.stop });
    for (let turn = 1; turn <= given.count && !stop.stop.aborted; turn++) {
      if (turn > 1) await pause(given.interval, stop.stop);
      if (stop.stop.aborted) break;
      try {
        const ms = await client.ping({
          timeoutMs: given.timeout,
          signal: stop.stop,
        });
        times.add(ms);
        if (given.output === "text")
          await printOut(`${turn}: ${formatMs(ms)}\n`);
      } catch (error) {
        if (stop.stop.aborted) break;
        const failure = failureOf(error);
        codes.push(failure.exitCode);
        say(failure.message);
        if (client.state === "closed") break;
      }
    }
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  }
  const { count, p50_ms, p90_ms, p99_ms, max_ms } = times.summary;
  await printOut(
    given.output === "json"
      ? `${JSON.stringify({ url, failed: codes.length, ...times.summary })}\n`
      : `${count} answered, ${codes.length} failed; p50 ${formatMs(p50_ms)}, p90 ${formatMs(p90_ms)}, p99 ${formatMs(p99_ms)}, max ${formatMs(max_ms)}\n`,
  );
  if (stop.exitCode !== undefined) return stop.exitCode;
  const [first] = codes;
  if (first === undefined) return ExitCode.done;
  return count > 0 ? ExitCode.someFailed : first;
}

/** `ping URL`: round trips of the protocol's own, which no handler sees. */
export const ping = defineVerb({
  operands: ["<url>"],
  options,
  notes:
    "Exit code 0: all were answered; 7: some were not; 124: none within --timeout; 5: the server cannot be reached, or was lost.",
  examples: [
    "ringwire-client ping tcp://127.0.0.1:8080",
    "ringwire-client ping unix:///run/rw.sock --count 1000 --interval 0 -o json | jq .p99_ms",
  ],
  run,
});
