import {
  type CrossProcessQueue,
  NoSpaceError,
  QueueFullError,
  type SendOptions,
} from "../../src/queue/mod.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { duration } from "../command_line/duration.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { framings, RecordReader, RecordRefused } from "../records/framing.ts";
import {
  listOption,
  switchOption,
  valueOption,
} from "../command_line/options.ts";
import { say } from "../standard_streams/output.ts";
import { nonEmpty, oneOf, parseHeader } from "../command_line/scalars.ts";
import { inputSize, readInput } from "../standard_streams/input.ts";
import { type Progress, startProgress } from "../standard_streams/progress.ts";
import {
  openOrCreate,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";
import { waitingCounter } from "./waiting_count.ts";

/** How long a full queue is waited for in silence. */
const silentMs = 2000;
/** Messages sent in one call. */
const batchMax = 4096;

const options = {
  queue: queueOption,
  priority: valueOption(
    "--priority <priority>",
    "high, normal or low",
    oneOf("high", "normal", "low"),
    undefined,
    "normal",
  ),
  delay: valueOption(
    "--delay <duration>",
    "how long it may not be taken yet",
    duration(),
  ),
  ttl: valueOption(
    "--ttl <duration>",
    "how long until it is dropped untaken",
    duration({ minMs: 1 }),
  ),
  id: valueOption(
    "--id <key>",
    "the sender's own id, as header message-id",
    nonEmpty,
  ),
  header: listOption(
    "--header <key:value>",
    "a header; may be repeated",
    parseHeader,
  ),
  onFull: valueOption(
    "--on-full <what>",
    "when the queue is full: block, fail, drop-oldest",
    oneOf("block", "fail", "drop-oldest"),
    "block",
    "block",
  ),
  inFraming: valueOption(
    "--in-framing <framing>",
    `how stdin is split: ${framings.join(", ")}`,
    oneOf(...framings),
    "line",
    "line",
  ),
  end: switchOption("--end", "afterwards mark the end of the stream"),
};

/** Sends records in their order, and keeps count. */
class Sender {
  readonly #queue: CrossProcessQueue;
  readonly #sendOptions: SendOptions;
  readonly #blocks: boolean;
  accepted = 0;
  /** Bytes of stdin that were read. */
  readBytes = 0;

  constructor(
    queue: CrossProcessQueue,
    sendOptions: SendOptions,
    blocks: boolean,
  ) {
    this.#queue = queue;
    this.#sendOptions = sendOptions;
    this.#blocks = blocks;
  }

  /** @throws {QueueFullError} when the queue is full and that is not to be waited for */
  async send(records: readonly (Uint8Array | string)[]): Promise<void> {
    for (let next = 0; next < records.length;) {
      const count = this.#sendNow(records.slice(next, next + batchMax));
      this.accepted += count;
      next += count;
      const record = records[next];
      if (count > 0 || record === undefined) continue;
      if (!this.#blocks)
        throw new QueueFullError(`queue ${this.#queue.name} is full`, {
          queue: this.#queue.name,
        });
      await this.#sendWhenThereIsRoom(record);
      next++;
    }
  }

  /** How many were accepted, 0 when the queue is full. */
  #sendNow(records: readonly (Uint8Array | string)[]): number {
    try {
      return this.#queue.sendMany(records, this.#sendOptions);
    } catch (error) {
      if (error instanceof QueueFullError) return 0;
      // Free slots keep the memory they once had; it may be all that is missing.
      if (error instanceof NoSpaceError && this.#queue.trim() > 0)
        return this.#queue.sendMany(records, this.#sendOptions);
      throw error;
    }
  }

  async #sendWhenThereIsRoom(record: Uint8Array | string): Promise<void> {
    const timer = setTimeout(() => {
      say(
        `queue ${this.#queue.name} is full (${this.#queue.info.maxMessages} messages): waiting for room, ${this.accepted} accepted so far`,
      );
    }, silentMs);
    try {
      await this.#queue.sendWait(record, this.#sendOptions);
      this.accepted++;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function sendInput(
  sender: Sender,
  reader: RecordReader,
  progress: Progress,
): Promise<void> {
  try {
    for await (const chunk of readInput()) {
      sender.readBytes += chunk.byteLength;
      await sender.send(reader.push(chunk));
    }
    await progress.signalsSeen();
    await sender.send(reader.end());
  } catch (error) {
    // What came before the refused record is good.
    if (error instanceof RecordRefused) await sender.send(error.taken);
    throw error;
  }
}

/** Says how far it came: a script can go on from there. */
function explain(error: unknown, accepted: number): unknown {
  if (accepted === 0) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof QueueFullError)
    return new CommandFailure(
      ExitCode.someFailed,
      `${reason}; ${accepted} messages were accepted before`,
      { cause: error },
    );
  say(`${accepted} messages were accepted before the failure`);
  return error;
}

async function run({
  options: given,
  operands,
  environment,
}: Invocation<typeof options>): Promise<number> {
  const name = requireQueueName(given.queue);
  // Without a prototype `__proto__` is a key like any other.
  const headers: Record<string, string> = Object.create(null);
  for (const [key, value] of given.header) headers[key.toLowerCase()] = value;
  if (given.id !== undefined) headers["message-id"] = given.id;
  using queue = await openOrCreate(name, "push");
  const sender = new Sender(
    queue,
    {
      priority: given.priority,
      delayMs: given.delay,
      ttlMs: given.ttl,
      headers: Object.keys(headers).length > 0 ? headers : undefined,
      onFull: given.onFull === "drop-oldest" ? "drop-oldest" : "fail",
    },
    given.onFull === "block",
  );
  const [body] = operands;
  try {
    if (body !== undefined) await sender.send([body]);
    else {
      const waiting = waitingCounter(queue);
      const total = inputSize();
      using progress = startProgress(environment, () => ({
        count: sender.accepted,
        bytes: sender.readBytes,
        share: total === undefined ? total : { done: sender.readBytes, total },
        waiting: waiting(),
      }));
      await sendInput(
        sender,
        new RecordReader(given.inFraming, queue.info.maxMessageSize),
        progress,
      );
    }
  } catch (error) {
    throw explain(error, sender.accepted);
  }
  if (given.end) queue.end();
  return ExitCode.done;
}

/** `push -q NAME [BODY]`: puts messages in. */
export const push = defineVerb({
  operands: ["[body]"],
  options,
  notes: `A queue that does not exist is created with the defaults. Exit code 0: all are in; 1: the queue is full (--on-full fail) or has ended;
6: a message is too large; 7: the queue became full after some were accepted; 8: no space in shared memory or on the disk.`,
  examples: [
    "ringwire-queue-worker push -q jobs 'one message'",
    "seq 1 100000 | ringwire-queue-worker push -q nums",
    "find . -type f -print0 | ringwire-queue-worker push -q scan --in-framing nul --end",
    "tail -F app.log | ringwire-queue-worker push -q logs --on-full drop-oldest --ttl 1h",
  ],
  run,
});
