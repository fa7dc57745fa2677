import {
  type CrossProcessQueue,
  type Job,
  LeaseLostError,
} from "../../src/queue/mod.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { duration } from "../command_line/duration.ts";
import { ExitCode, UsageError } from "../command_line/exit_codes.ts";
import { StopRequests } from "../processes/lifecycle.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import {
  requireStdout,
  say,
  stdoutIsTerminal,
  writtenBytes,
} from "../standard_streams/output.ts";
import { type Progress, startProgress } from "../standard_streams/progress.ts";
import type { RecordStyle } from "../records/records.ts";
import { integer } from "../command_line/scalars.ts";
import {
  openQueue,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";
import { writeBatch } from "./record_output.ts";
import { recordOptions, recordStyle } from "../records/record_options.ts";
import { waitingCounter } from "./waiting_count.ts";

/** Messages taken at a time: one write, one acknowledgement. A larger number only lengthens what a kill repeats. */
const batchMax = 1024;
const countMax = 2 ** 48;
/** How long a write may go on after Ctrl-C. */
const lastWriteMs = 100;

const options = {
  queue: queueOption,
  count: valueOption(
    "-n, --count <count>",
    "how many",
    integer(1, countMax),
    undefined,
    "1, or no limit with --until-empty and --until-end",
  ),
  wait: valueOption(
    "--wait <duration>",
    "how long to wait for each next message",
    duration(),
    undefined,
    "not at all",
  ),
  untilEmpty: switchOption(
    "--until-empty",
    "leave when nothing is waiting (with --wait: for that long)",
  ),
  untilEnd: switchOption(
    "--until-end",
    "leave when the stream has ended and everything before the end is settled",
  ),
  ...recordOptions,
};

/** Why the taking ended. */
type Ending =
  | "count"
  | "nothing"
  | "paused"
  | "empty"
  | "ended"
  | "timeout"
  | "broken pipe"
  | "stopped";

interface Limits {
  readonly count: number;
  readonly waitMs: number | undefined;
  readonly untilEmpty: boolean;
  readonly untilEnd: boolean;
}

/** Takes, writes, acknowledges; what was not written goes back uncounted. */
class Popper {
  readonly #queue: CrossProcessQueue;
  readonly #style: RecordStyle;
  readonly #limits: Limits;
  readonly #stop: AbortSignal;
  taken = 0;
  constructor(
    queue: CrossProcessQueue,
    style: RecordStyle,
    limits: Limits,
    stop: AbortSignal,
  ) {
    this.#queue = queue;
    this.#style = style;
    this.#limits = limits;
    this.#stop = stop;
  }

  async run(): Promise<Ending> {
    while (this.taken < this.#limits.count) {
      if (this.#stop.aborted) return "stopped";
      const max = Math.min(batchMax, this.#limits.count - this.taken);
      let jobs = this.#queue.tryReserveMany(max);
      if (jobs.length === 0) {
        const next = await this.#wait();
        if (typeof next === "string") return next;
        jobs = [next];
      }
      const written = await this.#write(jobs);
      this.taken += written;
      if (written < jobs.length)
        return this.#stop.aborted ? "stopped" : "broken pipe";
    }
    return "count";
  }

  /** The next message, or why there is none. */
  async #wait(): Promise<Job | Ending> {
    const { waitMs, untilEmpty, untilEnd } = this.#limits;
    const why = this.#queue.emptyReason;
    if (why === "ended") return "ended";
    if (waitMs === undefined && !untilEnd) {
      // Paused is not empty: what waits there would be passed over in silence.
      if (why === "paused") return "paused";
      // What a killed consumer held is waiting again as soon as somebody looks.
      if (this.#queue.sweep("deaths") > 0) {
        const left = this.#queue.tryReserve();
        if (left !== null) return left;
      }
      return untilEmpty ? "empty" : "nothing";
    }
    try {
      const job = await this.#queue.reserve({
        timeoutMs: waitMs,
        signal: this.#stop,
      });
      if (job !== null) return job;
    } catch (error) {
      if (this.#stop.aborted) return "stopped";
      throw error;
    }
    const still = this.#queue.emptyReason;
    if (still === "ended") return "ended";
    if (!untilEmpty) return "timeout";
    return still === "paused" ? "paused" : "empty";
  }

  /** How many were written and acknowledged; the others are given back. */
  async #write(jobs: readonly Job[]): Promise<number> {
    const written = await this.#writeWhileLeased(jobs);
    const acknowledged = this.#queue.ackMany(jobs.slice(0, written));
    if (acknowledged < written) {
      say(
        `${written - acknowledged} messages were written, but their lease had run out: they will be delivered again`,
      );
    }
    for (const job of jobs.slice(written)) {
      try {
        job.nack({ uncounted: true });
      } catch (error) {
        // Somebody else has it already.
        if (!(error instanceof LeaseLostError)) throw error;
      }
    }
    return written;
  }

  /** A slow reader must not cost the leases; a stop must not wait for one that reads nothing. */
  async #writeWhileLeased(jobs: readonly Job[]): Promise<number> {
    const stopped = Promise.withResolvers<number>();
    // What a reader has not taken by then counts as not written: it may come twice, but is not lost.
    const onStop = (): void =>
      void setTimeout(() => stopped.resolve(0), lastWriteMs);
    this.#stop.addEventListener("abort", onStop);
    const renewal = setInterval(() => {
      for (const job of jobs) {
        try {
          job.touch();
        } catch {
          // Lost: the acknowledgement will count it.
        }
      }
    }, this.#queue.info.leaseMs / 3);
    try {
      const written = writeBatch(jobs, this.#style);
      return await Promise.race([written, stopped.promise]);
    } finally {
      clearInterval(renewal);
      this.#stop.removeEventListener("abort", onStop);
    }
  }
}

function exitCodeFor(
  ending: Ending,
  taken: number,
  limits: Limits,
  name: string,
): number {
  switch (ending) {
    case "count":
    case "empty":
      return ExitCode.done;
    case "ended":
      return limits.untilEnd || limits.untilEmpty || taken > 0
        ? ExitCode.done
        : ExitCode.nothingThere;
    case "nothing":
      if (taken > 0) return ExitCode.done;
      say(`queue ${name} is empty`);
      return ExitCode.nothingThere;
    case "paused":
      say(`queue ${name} is paused`);
      return ExitCode.nothingThere;
    case "timeout":
      say(`no message within ${limits.waitMs} ms`);
      return ExitCode.timedOut;
    case "broken pipe":
      return ExitCode.brokenPipe;
    case "stopped":
      return ExitCode.interrupted;
  }
}

function showProgress(
  popper: Popper,
  queue: CrossProcessQueue,
  { count: total }: Limits,
  environment: Invocation<typeof options>["environment"],
): Progress {
  const waiting = waitingCounter(queue);
  return startProgress(environment, () => ({
    count: popper.taken,
    bytes: writtenBytes(),
    share: Number.isFinite(total) ? { done: popper.taken, total } : undefined,
    waiting: waiting(),
  }));
}

async function run({
  options: given,
  environment,
}: Invocation<typeof options>): Promise<number> {
  const name = requireQueueName(given.queue);
  const { untilEmpty, untilEnd } = given;
  if (untilEmpty && untilEnd)
    throw new UsageError(
      "--until-empty and --until-end are given; allowed is one of them",
    );
  const limits: Limits = {
    count:
      given.count ?? (untilEmpty || untilEnd ? Number.POSITIVE_INFINITY : 1),
    waitMs: given.wait,
    untilEmpty,
    untilEnd,
  };
  requireStdout();
  using stop = new StopRequests();
  using queue = await openQueue(name, { participantName: "pop" });
  const popper = new Popper(queue, recordStyle(given), limits, stop.stop);
  // On one terminal with the messages it would only be in their way.
  using progress = stdoutIsTerminal()
    ? undefined
    : showProgress(popper, queue, limits, environment);
  const ending = await popper.run();
  progress?.done();
  return stop.exitCode ?? exitCodeFor(ending, popper.taken, limits, name);
}

/** `pop -q NAME`: takes messages out and writes them. */
export const pop = defineVerb({
  options,
  notes: `A message is acknowledged once it is written; a broken pipe or Ctrl-C loses none. Exit code 0: done (--until-empty also when nothing was there);
3: no such queue, or nothing there; 124: --wait has passed; 141: the reader of stdout is gone.`,
  examples: [
    "ringwire-queue-worker pop -q jobs --wait 10s",
    "ringwire-queue-worker pop -q nums --until-empty | sort -n | md5sum",
    "ringwire-queue-worker pop -q events --until-end -o jsonl | jq -c 'select(.data.t > 80)'",
  ],
  run,
});
