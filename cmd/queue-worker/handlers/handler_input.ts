/** What a handler gets: messages on stdin, and what is known about them in the environment. */
import type { Job } from "../../../src/queue/mod.ts";
import { type Framing, frameRecords } from "../../records/framing.ts";
import { formatRecord } from "../../records/records.ts";

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How messages lie on stdin. */
export interface InputStyle {
  /** `raw` is the body as it is. */
  readonly framing: Framing;
  /** Whether each is an object with all that is known about it, as `pop -o jsonl` writes them. */
  readonly envelope: boolean;
}

/** A body has the byte in it that ends a record. */
export class NotFramable extends Error {
  constructor(framing: Framing, byte: string) {
    super(
      `its body has a ${byte} in it, which ends a record with --framing ${framing}; use --framing len32`,
    );
  }
}

const terminators: Readonly<
  Partial<Record<Framing, readonly [byte: number, name: string]>>
> = { line: [10, "line feed"], nul: [0, "NUL byte"] };

/** The bytes for stdin. @throws {NotFramable} */
export function encodeInput(
  jobs: readonly Job[],
  { framing, envelope }: InputStyle,
): Uint8Array {
  const [first] = jobs;
  if (
    framing === "raw" &&
    !envelope &&
    jobs.length === 1 &&
    first !== undefined
  )
    return first.data;
  const style = {
    format: envelope ? "jsonl" : "raw",
    framing,
    terminal: false,
  } as const;
  const records = jobs.map((job) => formatRecord(job, style));
  const terminator = terminators[framing];
  if (terminator !== undefined && !envelope) {
    const [byte, name] = terminator;
    if (records.some((record) => record.includes(byte)))
      throw new NotFramable(framing, name);
  }
  return frameRecords(records, framing).bytes;
}

const traceparentPattern =
  /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The message's trace, if it has one that can be passed on. */
export function traceparentOf(job: Job): string | undefined {
  const { traceparent } = job.headers;
  return traceparent !== undefined && traceparentPattern.test(traceparent)
    ? traceparent
    : undefined;
}

/** The value of a header; none when the headers cannot be read, which the run that comes will say. */
export function headerOf(job: Job, name: string): string | undefined {
  try {
    return Object.hasOwn(job.headers, name) ? job.headers[name] : undefined;
  } catch {
    return undefined;
  }
}

/** What handlers inherit: nothing about the message of a handler that this worker may run in. */
export function inheritedEnvironment(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith("RINGWIRE_MSG_") && name !== "TRACEPARENT",
    ),
  );
}

/** What all runs of one worker have in common. */
export interface InputContext {
  /** As given with `-q`. */
  readonly queueName: string;
  readonly maxDeliver: number;
  readonly environment: Environment;
}

/** Variables for any number of messages. */
export function batchEnvironment(
  jobs: readonly Job[],
  { environment, queueName, maxDeliver }: InputContext,
): Environment {
  return {
    ...environment,
    RINGWIRE_MSG_QUEUE: queueName,
    RINGWIRE_MSG_MAX_DELIVER: `${maxDeliver}`,
    RINGWIRE_MSG_COUNT: `${jobs.length}`,
    RINGWIRE_MSG_ATTEMPT: `${jobs[0]?.attempts ?? 1}`,
    // The worker's own trace is not the messages'.
    TRACEPARENT: undefined,
  };
}

/** Variables for one message. @throws {SerializationFailedError} when its headers cannot be read */
export function messageEnvironment(
  job: Job,
  { environment, queueName, maxDeliver }: InputContext,
): Environment {
  return {
    ...environment,
    RINGWIRE_MSG_ID: `${job.id}`,
    RINGWIRE_MSG_QUEUE: queueName,
    RINGWIRE_MSG_ATTEMPT: `${job.attempts}`,
    RINGWIRE_MSG_MAX_DELIVER: `${maxDeliver}`,
    RINGWIRE_MSG_ENQUEUED_MS: `${job.timestamp}`,
    RINGWIRE_MSG_HEADERS: JSON.stringify(job.headers),
    TRACEPARENT: traceparentOf(job),
  };
}
