import {
  type CrossProcessQueue,
  type Job,
  LIMITS,
  runWorkLoop,
  type WorkOutcome,
  type WorkSummary,
} from "../../src/queue/mod.ts";
import { flushChildStreams } from "../shared/child_streams.ts";
import { defineVerb, type Invocation } from "../shared/command_line.ts";
import { duration, durationRange, timerMsMax } from "../shared/duration.ts";
import { ExitCode, UsageError } from "../shared/exit_codes.ts";
import {
  findHandler,
  type HandlerCommand,
  shellHandler,
} from "../shared/handler_command.ts";
import { chooseLauncher } from "../shared/launcher.ts";
import { onceAborted, StopRequests } from "../shared/lifecycle.ts";
import { switchOption, valueOption } from "../shared/options.ts";
import { requireStdout, say } from "../shared/output.ts";
import { Refused } from "../shared/refused.ts";
import { integer, nonEmpty } from "../shared/scalars.ts";
import { embeddedShim } from "./embedded_shim.ts";
import { HandlerRuns, type RunLimits } from "./handler_runs.ts";
import { openQueue, queueOption, requireQueueName } from "./open_queue.ts";

const countMax = 2 ** 48;

const options = {
  queue: queueOption,
  jobs: valueOption(
    "-j, --jobs <count>",
    "handlers at a time",
    integer(1, 1024),
    1,
    "1",
  ),
  exec: valueOption(
    "--exec <line>",
    "a line for /bin/sh in place of CMD ARG…",
    nonEmpty,
  ),
  timeout: valueOption(
    "--timeout <duration>",
    "TERM to a handler's process group after that (default: no limit)",
    duration({ minMs: 1, maxMs: timerMsMax }),
  ),
  killAfter: valueOption(
    "--kill-after <duration>",
    "KILL that long after TERM",
    duration({ maxMs: timerMsMax }),
    5000,
    "5s",
  ),
  maxDeliver: valueOption(
    "--max-deliver <count>",
    "attempts before a dead letter, at most the queue's (default: the queue's)",
    integer(1, 255),
  ),
  backoff: valueOption(
    "--backoff <range>",
    "limits of the exponential back-off before another attempt",
    durationRange,
    { minMs: 1000, maxMs: 300_000 },
    "1s..5m",
  ),
  untilEmpty: switchOption(
    "--until-empty",
    "leave when nothing is waiting and no retry is due",
  ),
  untilEnd: switchOption(
    "--until-end",
    "leave when the stream has ended and everything before the end is settled",
  ),
  count: valueOption(
    "-n, --count <count>",
    "take that many messages (default: no limit)",
    integer(1, countMax),
  ),
  wait: valueOption(
    "--wait <duration>",
    "leave when no message comes for that long, with 124 (default: no limit)",
    duration(),
  ),
  drainTimeout: valueOption(
    "--drain-timeout <duration>",
    "how long handlers may go on after SIGTERM or SIGINT",
    duration({ maxMs: timerMsMax }),
    25_000,
    "25s",
  ),
  name: valueOption(
    "--name <name>",
    "this worker's name in stat (default: work)",
    participantName,
  ),
};

function participantName(text: string): string {
  const bytesMax = LIMITS.participantNameBytesMax;
  if (text === "" || text.includes("\0") || Buffer.byteLength(text) > bytesMax)
    throw new Refused(text, `1 to ${bytesMax} bytes of UTF-8`);
  return text;
}

type WorkInvocation = Invocation<typeof options>;

function chooseHandler({
  options: given,
  operands,
  environment,
}: WorkInvocation): HandlerCommand {
  if (given.exec !== undefined) {
    if (operands.length > 0)
      throw new UsageError(
        "--exec and a command are given; allowed is one of them",
      );
    return shellHandler(given.exec);
  }
  if (operands.length === 0)
    throw new UsageError(
      "no handler is given; needed is -- CMD ARG… or --exec 'shell line'",
    );
  return findHandler(operands, environment.PATH);
}

function attemptsMax(
  given: number | undefined,
  queue: CrossProcessQueue,
): number {
  const { maxDeliver } = queue.info;
  if (given !== undefined && given > maxDeliver) {
    throw new UsageError(
      `--max-deliver: given ${given}, allowed is at most ${maxDeliver}, which queue ${queue.name} was created with`,
    );
  }
  return given ?? maxDeliver;
}

/** Gives handlers their time after the first signal, TERM when it is over, KILL at the second signal. */
function drain(stop: StopRequests, runs: HandlerRuns, drainMs: number): void {
  onceAborted(stop.stop, () => {
    runs.stopFetching();
    if (runs.running > 0)
      say(
        `${stop.received} received: waiting up to ${drainMs} ms for ${runs.running} handlers; a second signal stops them at once`,
      );
    const timer = setTimeout(() => runs.terminate(), drainMs);
    timer.unref();
  });
  onceAborted(stop.abort, () => {
    runs.stopFetching();
    runs.kill();
  });
  onceAborted(stop.stopFetching, () => {
    say("SIGUSR1 received: no more messages are taken");
    runs.stopFetching();
  });
}

function exitCodeFor(
  summary: WorkSummary,
  runs: HandlerRuns,
  stop: StopRequests,
): number {
  if (runs.exitCode !== undefined) return runs.exitCode;
  if (stop.received !== undefined) {
    // Drained after SIGTERM is what was asked for; cut short is not.
    const asked = stop.received !== "SIGINT" && !runs.forced;
    return asked ? ExitCode.done : (stop.exitCode ?? ExitCode.failed);
  }
  if (summary.buried > 0) return ExitCode.deadLettered;
  return summary.reason === "timeout" ? ExitCode.timedOut : ExitCode.done;
}

async function run(invocation: WorkInvocation): Promise<number> {
  const { options: given, environment } = invocation;
  const name = requireQueueName(given.queue);
  if (given.untilEmpty && given.untilEnd)
    throw new UsageError(
      "--until-empty and --until-end are given; allowed is one of them",
    );
  const command = chooseHandler(invocation);
  requireStdout();
  using stop = new StopRequests({ heedUsr1: true });
  using queue = await openQueue(name, {
    participantName: given.name ?? "work",
  });
  const limits: RunLimits = {
    timeoutMs: given.timeout,
    killAfterMs: given.killAfter,
    maxDeliver: attemptsMax(given.maxDeliver, queue),
  };
  const launcher = await chooseLauncher(embeddedShim());
  if (launcher.method === "none")
    say(
      "handlers will not die with this worker if it is killed: neither the shim nor setpriv can start them",
    );
  const runs = new HandlerRuns({
    command,
    launcher,
    queueName: name,
    limits,
    environment,
  });
  drain(stop, runs, given.drainTimeout);
  queue.watch();
  const summary = await runWorkLoop(
    queue,
    (job: Job): Promise<WorkOutcome> => runs.handle(job),
    {
      concurrency: given.jobs,
      maxDeliver: limits.maxDeliver,
      backoff: given.backoff,
      until: given.untilEmpty ? "empty" : given.untilEnd ? "end" : undefined,
      count: given.count,
      waitMs: given.wait,
      signal: runs.fetching,
    },
  );
  await flushChildStreams();
  if (summary.lost > 0)
    say(
      `${summary.lost} messages lost their lease while they were being worked on: they will be, or were, delivered again`,
    );
  return exitCodeFor(summary, runs, stop);
}

/** `work -q NAME -- CMD ARG…`: a process for each message. */
export const work = defineVerb({
  operands: ["[command...]"],
  passThrough: true,
  options,
  notes: `The body arrives on the handler's stdin; RINGWIRE_MSG_ID, _QUEUE, _ATTEMPT, _MAX_DELIVER, _ENQUEUED_MS and _HEADERS (JSON) in its environment, and
TRACEPARENT when the message has one. Its stdout is written to ours, whole, once it has succeeded.

Handler's end   Effect
0               acknowledged
65, 100         dead letter at once
255             this worker stops, the message goes back; exit code 1
126, 127        the message goes back and does not count as an attempt; exit code 126 or 127
other, signal   back with exponential back-off, until --max-deliver; then a dead letter with the end of its stderr

SIGTERM and SIGINT: take no more, wait --drain-timeout, then TERM the handlers and give their messages back; a second one stops at once.
SIGUSR1: take no more. Exit code 0: done or drained; 123: there were dead letters; 124: --wait has passed.`,
  examples: [
    "ringwire-queue-worker work -q jobs -j4 --timeout 2m -- ./handle-job",
    "ringwire-queue-worker work -q scan --until-end -j4 -- xargs -0 sha256sum",
    "ringwire-queue-worker work -q mail --exec 'jq -r .to | xargs -n1 ./send'",
  ],
  run,
});
