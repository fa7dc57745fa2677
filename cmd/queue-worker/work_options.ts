/** The options of `work`. */
import type { Invocation } from "../command_line/command_line.ts";
import {
  duration,
  durationRange,
  timerMsMax,
} from "../command_line/duration.ts";
import { framings } from "../records/framing.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { filePath, integer, nonEmpty, oneOf } from "../command_line/scalars.ts";
import { parseHalt } from "./handlers/halt.ts";
import { queueName, queueOption } from "../queues/open_queue.ts";
import { participantName } from "../queues/participant_name.ts";

const countMax = 2 ** 48;

/** As they are declared for every verb. */
export const workOptions = {
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
  batch: valueOption(
    "--batch <count>",
    "up to so many messages for each run of the handler, acknowledged or given back together",
    integer(1, 65_536),
  ),
  batchWait: valueOption(
    "--batch-wait <duration>",
    "how long to wait for more when a batch is not full",
    duration({ maxMs: timerMsMax }),
    0,
    "0",
  ),
  coproc: switchOption(
    "--coproc",
    "keep the handler's process: a record in, a record out, for each message",
  ),
  framing: valueOption(
    "--framing <framing>",
    `how messages lie on the handler's stdin: ${framings.join(", ")}`,
    oneOf(...framings),
    undefined,
    "raw; len32 with --batch, line with --coproc",
  ),
  envelope: switchOption(
    "--envelope",
    "give the handler JSON objects with all that is known about a message, as pop -o jsonl writes them",
  ),
  order: valueOption(
    "--order <header>",
    "messages with the same value in that header one after the other, in their order",
    (text) => nonEmpty(text).toLowerCase(),
  ),
  to: valueOption(
    "--to <queue>",
    "send what the handler writes to stdout to another queue",
    queueName,
  ),
  split: valueOption(
    "--split <framing>",
    `how the handler's stdout is split into messages for --to: ${framings.join(", ")}`,
    oneOf(...framings),
    "raw",
    "raw, all of it is one",
  ),
  end: switchOption(
    "--end",
    "with --until-end: afterwards mark the end of the stream of --to",
  ),
  outFraming: valueOption(
    "--out-framing <framing>",
    `how each run's stdout is written to ours: ${framings.join(", ")}`,
    oneOf(...framings),
    undefined,
    "raw, as it is; with --coproc as --framing",
  ),
  timeout: valueOption(
    "--timeout <duration>",
    "TERM to a handler's process group after that",
    duration({ minMs: 1, maxMs: timerMsMax }),
    undefined,
    "no limit",
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
    "attempts before a dead letter, at most the queue's",
    integer(1, 255),
    undefined,
    "the queue's",
  ),
  backoff: valueOption(
    "--backoff <range>",
    "limits of the exponential back-off before another attempt",
    durationRange,
    { minMs: 1000, maxMs: 300_000 },
    "1s..5m",
  ),
  halt: valueOption(
    "--halt <rule>",
    "never, or soon|now,fail|success|done=N: leave after N such runs; now stops what runs",
    parseHalt,
    undefined,
    "never",
  ),
  joblog: valueOption(
    "--joblog <file>",
    "a line for each run, in GNU parallel's format",
    filePath,
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
    "take that many messages",
    integer(1, countMax),
    undefined,
    "no limit",
  ),
  wait: valueOption(
    "--wait <duration>",
    "leave when no message comes for that long, with 124",
    duration(),
    undefined,
    "no limit",
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
    "this worker's name in stat and top",
    participantName,
    undefined,
    "work",
  ),
  control: valueOption(
    "--control <path>",
    "where the control socket is made",
    filePath,
    undefined,
    "in the queue directory, by name and pid",
  ),
  noControl: switchOption("--no-control", "make no control socket"),
};

/** How `work` was called. */
export type WorkInvocation = Invocation<typeof workOptions>;
