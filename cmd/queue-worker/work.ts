import {
  type CrossProcessQueue,
  type Job,
  runBatchWorkLoop,
  runWorkLoop,
  type WorkCounts,
  type WorkLoopOptions,
  type WorkSummary,
} from "../../src/queue/mod.ts";
import { flushChildStreams } from "../processes/child_streams.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { ExitCode, UsageError } from "../command_line/exit_codes.ts";
import type { Framing } from "../records/framing.ts";
import {
  findHandler,
  type HandlerCommand,
  shellHandler,
} from "../processes/handler_command.ts";
import { chooseLauncher, type Launcher } from "../processes/launcher.ts";
import { StopRequests } from "../processes/lifecycle.ts";
import {
  requireStdout,
  say,
  stdoutIsTerminal,
} from "../standard_streams/output.ts";
import { type Progress, startProgress } from "../standard_streams/progress.ts";
import { embeddedShim } from "../embedded/embedded_shim.ts";
import { CoprocessHandler } from "./handlers/coprocess_handler.ts";
import type { Destination } from "./handlers/destination.ts";
import { Halt } from "./handlers/halt.ts";
import {
  type Environment,
  headerOf,
  inheritedEnvironment,
} from "./handlers/handler_input.ts";
import { HandlerRuns } from "./handlers/handler_runs.ts";
import { JobLog } from "./handlers/job_log.ts";
import { OneShotHandler } from "./handlers/one_shot.ts";
import { QueueDestination } from "./handlers/queue_destination.ts";
import type { Handler } from "./handlers/run_result.ts";
import { Shutdown } from "./handlers/shutdown.ts";
import { StdoutDestination } from "./handlers/stdout_destination.ts";
import {
  openOrCreate,
  openQueue,
  requireQueueName,
} from "../queues/open_queue.ts";
import { waitingCounter } from "./waiting_count.ts";
import { openWorkControl } from "./work_control.ts";
import { type WorkInvocation, workOptions } from "./work_options.ts";
import { checkCombination, inputStyle, outputFraming } from "./work_rules.ts";

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

async function pickLauncher(): Promise<Launcher> {
  const launcher = await chooseLauncher(embeddedShim());
  if (launcher.method === "none")
    say(
      "handlers will not die with this worker if it is killed: neither the shim nor setpriv can start them",
    );
  return launcher;
}

function makeHandler(
  { options: given }: WorkInvocation,
  environment: Environment,
  queueName: string,
  command: HandlerCommand,
  launcher: Launcher,
  shutdown: Shutdown,
): Handler {
  const limits = { timeoutMs: given.timeout, killAfterMs: given.killAfter };
  if (!given.coproc)
    return new OneShotHandler({ command, launcher }, limits, shutdown);
  const variables = { ...environment, RINGWIRE_MSG_QUEUE: queueName };
  return new CoprocessHandler(
    { command, launcher, environment: variables },
    inputStyle(given).framing,
    limits,
    shutdown,
  );
}

/** Where outputs go, and what is to be closed afterwards. */
class Outlet implements Disposable {
  readonly target: CrossProcessQueue | undefined;
  readonly destination: Destination;

  constructor(
    target: CrossProcessQueue | undefined,
    source: string,
    framings: { readonly split: Framing; readonly output: Framing },
    shutdown: Shutdown,
  ) {
    this.target = target;
    this.destination =
      target === undefined
        ? new StdoutDestination(framings.output, shutdown.leaving)
        : new QueueDestination(
            target,
            source,
            framings.split,
            shutdown.leaving,
          );
  }

  [Symbol.dispose](): void {
    this.target?.close();
  }
}

async function openTarget(
  name: string | undefined,
): Promise<CrossProcessQueue | undefined> {
  if (name !== undefined) return await openOrCreate(name, "work");
  requireStdout();
  return undefined;
}

function exitCodeFor(
  summary: WorkSummary,
  shutdown: Shutdown,
  stop: StopRequests,
): number {
  const decided = shutdown.exitCode ?? shutdown.exitCodeOfRequest(stop);
  if (decided !== undefined) return decided;
  if (summary.buried > 0) return ExitCode.deadLettered;
  return summary.reason === "timeout" ? ExitCode.timedOut : ExitCode.done;
}

const nothingYet: WorkCounts = {
  acked: 0,
  retried: 0,
  buried: 0,
  released: 0,
  lost: 0,
};

/** Numbers that others look at while the loop goes on. */
class Scoreboard {
  counts: WorkCounts = nothingYet;

  show(
    environment: WorkInvocation["environment"],
    queue: CrossProcessQueue,
    runs: HandlerRuns,
  ): Progress {
    const waiting = waitingCounter(queue);
    return startProgress(environment, () => {
      const { acked, retried, buried } = this.counts;
      const notes = [`${runs.running.size} running`];
      if (retried > 0) notes.push(`${retried} to be retried`);
      if (buried > 0) notes.push(`${buried} dead`);
      return { count: acked, waiting: waiting(), notes };
    });
  }
}

function loop(
  given: Invocation<typeof workOptions>["options"],
  queue: CrossProcessQueue,
  runs: HandlerRuns,
  common: Pick<
    WorkLoopOptions,
    "signal" | "maxDeliver" | "onFailure" | "onSettled"
  >,
): Promise<WorkSummary> {
  const options = {
    ...common,
    concurrency: given.jobs,
    backoff: given.backoff,
    until: given.untilEmpty ? "empty" : given.untilEnd ? "end" : undefined,
    count: given.count,
    waitMs: given.wait,
  } as const;
  const handle = (jobs: readonly Job[]): ReturnType<HandlerRuns["handle"]> =>
    runs.handle(jobs);
  if (given.batch !== undefined)
    return runBatchWorkLoop(queue, handle, {
      ...options,
      batchMax: given.batch,
      batchWaitMs: given.batchWait,
    });
  const { order } = given;
  return runWorkLoop(queue, (job: Job) => handle([job]), {
    ...options,
    orderBy: order === undefined ? undefined : (job) => headerOf(job, order),
  });
}

async function run(invocation: WorkInvocation): Promise<number> {
  const { options: given, environment } = invocation;
  const inherited = inheritedEnvironment(environment);
  const name = requireQueueName(given.queue);
  checkCombination(given, name);
  const command = chooseHandler(invocation);
  using stop = new StopRequests({ heedUsr1: true });
  using queue = await openQueue(name, {
    participantName: given.name ?? "work",
    exclusive: given.order !== undefined,
  });
  const maxDeliver = attemptsMax(given.maxDeliver, queue);
  const launcher = await pickLauncher();
  using jobLog =
    given.joblog === undefined
      ? undefined
      : new JobLog(given.joblog, command.argv);
  const shutdown = new Shutdown();
  using outlet = new Outlet(
    await openTarget(given.to),
    queue.info.uuid,
    { split: given.split, output: outputFraming(given) },
    shutdown,
  );
  const handler = makeHandler(
    invocation,
    inherited,
    name,
    command,
    launcher,
    shutdown,
  );
  const runs = new HandlerRuns({
    handler,
    destination: outlet.destination,
    shutdown,
    context: { queueName: name, maxDeliver, environment: inherited },
    style: inputStyle(given),
    variables: given.coproc
      ? "none"
      : given.batch === undefined
        ? "of each"
        : "of all",
    jobLog,
    halt: given.halt === undefined ? undefined : new Halt(given.halt),
  });
  shutdown.obey(stop, given.drainTimeout, () => runs.running.size);
  const board = new Scoreboard();
  await using _control = await openWorkControl({
    given,
    queueName: name,
    command,
    shutdown,
    running: () => runs.running.all,
    counts: () => board.counts,
  });
  using _progress =
    given.to === undefined && stdoutIsTerminal()
      ? undefined
      : board.show(environment, queue, runs);
  queue.watch();
  let summary: WorkSummary;
  try {
    summary = await loop(given, queue, runs, {
      signal: shutdown.fetching,
      maxDeliver,
      onFailure: () => shutdown.drain(given.drainTimeout),
      onSettled: (counts) => {
        board.counts = { ...counts };
      },
    });
  } finally {
    await handler.close();
    await flushChildStreams();
  }
  if (given.end && summary.reason === "ended") outlet.target?.end();
  if (summary.lost > 0)
    say(
      `${summary.lost} messages lost their lease while they were being worked on: they will be, or were, delivered again`,
    );
  return exitCodeFor(summary, shutdown, stop);
}

/** `work -q NAME -- CMD ARG…`: a process for each message, for several, or one that is kept. */
export const work = defineVerb({
  operands: ["[command...]"],
  operandShapes: [{ kind: "command" }],
  passThrough: true,
  options: workOptions,
  notes: `The body arrives on the handler's stdin; RINGWIRE_MSG_ID, _QUEUE, _ATTEMPT, _MAX_DELIVER, _ENQUEUED_MS and _HEADERS (JSON) in its environment, and
TRACEPARENT when the message has one. Its stdout is written to ours, whole, once it has succeeded, or sent to the queue of --to.

Handler's end   Effect
0               acknowledged
65, 100         dead letter at once
255             this worker stops, the message goes back; exit code 1
126, 127        the message goes back and does not count as an attempt; exit code 126 or 127
other, signal   back with exponential back-off, until --max-deliver; then a dead letter with the end of its stderr

--batch N: up to N messages on one handler's stdin, len32 or --framing; RINGWIRE_MSG_COUNT says how many. When it fails, each comes again alone.
--coproc: the handler is kept and answers each record with one record; when it ends instead, that message has failed.
--order HEADER: this worker alone may take messages; those with the same value are worked on in their order, also when one has to be tried again.

SIGTERM and SIGINT: take no more, wait --drain-timeout, then TERM the handlers and give their messages back; a second one stops at once.
SIGUSR1: take no more. Exit code 0: done or drained; 123: there were dead letters; 124: --wait has passed; 1: --halt after failures.`,
  examples: [
    "ringwire-queue-worker work -q jobs -j4 --timeout 2m -- ./handle-job",
    "ringwire-queue-worker work -q scan --until-end -j4 -- xargs -0 sha256sum",
    "ringwire-queue-worker work -q mail --exec 'jq -r .to | xargs -n1 ./send'",
    "ringwire-queue-worker work -q rows --batch 500 --batch-wait 1s --framing jsonl -- ./insert-rows",
    "ringwire-queue-worker work -q words --coproc --to shouted -- sed -u 's/.*/\\U&/'",
    "ringwire-queue-worker work -q accounts --order account -j8 -- ./book",
  ],
  run,
});
