/** What callers may ask for: every option object of the room, with units and defaults. Checked in `option_checks.ts`. */
import type { MessageCodec, MessageSchema } from "./codec.ts";

/** How urgent a message is. High goes first; every 16th take starts at the lowest, so that nothing starves (but see `exclusive`). */
export type Priority = "high" | "normal" | "low";

/** When a journalled queue writes to disk. */
export type JournalSync = "process" | "interval" | "sync";

/** Journal of a `file:` queue. */
export interface JournalOptions {
  /**
   * `process` survives the death of every process but not a power loss; `interval` may lose the last
   * `intervalMs`; `sync` writes before `send` returns. @default "process"
   */
  readonly sync?: JournalSync | undefined;
  /** Milliseconds between writes with `interval`. @default 100 */
  readonly intervalMs?: number | undefined;
}

/** What both `create` and `connect` take. */
export interface HandleOptions<T = unknown> {
  /** Shown by `status()`; at most 31 bytes of UTF-8. @default the process's title */
  readonly participantName?: string | undefined;
  /** Checks whatever is sent, and on receiving what `value()` and `json()` give. @default none */
  readonly schema?: MessageSchema<T> | undefined;
  /** How `sendValue`, its relatives and `value()` turn values into bytes. @default JSON in UTF-8 */
  readonly codec?: MessageCodec | undefined;
  /** Bytes of the buffer between JavaScript and the shim; larger messages take a second call. @default 262144 */
  readonly stagingBytes?: number | undefined;
  /**
   * This handle alone takes messages, until it is closed or its process is dead; any other take is refused with
   * `ConsumerExcludedError`. It takes in strict order: what was given back first, the oldest of it first, then by
   * priority, so that low ones may starve. @default false
   */
  readonly exclusive?: boolean | undefined;
}

/** Options of `CrossProcessQueue.create`. */
export interface CreateOptions<T = unknown> extends HandleOptions<T> {
  /** Messages the queue holds in any state, 1 to 1048576. @default 16384 */
  readonly maxMessages?: number | undefined;
  /** Largest body in bytes, up to 1 GiB. @default 65536 */
  readonly maxMessageSize?: number | undefined;
  /** Room for headers in bytes, 0 to 2048. @default 256 */
  readonly maxHeadersSize?: number | undefined;
  /** Handles open at a time, 1 to 4095. @default 256 */
  readonly maxParticipants?: number | undefined;
  /** Dead letters kept; the oldest is dropped (and counted) beyond that. @default maxMessages / 10 */
  readonly maxDead?: number | undefined;
  /** Deliveries after which a message becomes a dead letter, 1 to 255. @default 5 */
  readonly maxDeliver?: number | undefined;
  /** Milliseconds a taken message stays reserved unless told otherwise. @default 30000 */
  readonly leaseMs?: number | undefined;
  /** Journal; only for `file:` names. @default { sync: "process" } for `file:` names */
  readonly journal?: JournalOptions | undefined;
  /** Permission bits of the segment; group or other bits need `shared` on connecting. @default 0o600 */
  readonly mode?: number | undefined;
  /** What to do when the name is taken. @default "fail" */
  readonly ifExists?: "fail" | "connect" | undefined;
  /** Starts a new stream when the queue exists and has ended. @default false */
  readonly reopen?: boolean | undefined;
}

/** Options of `CrossProcessQueue.connect`. */
export interface ConnectOptions<T = unknown> extends HandleOptions<T> {
  /** No participant: status, dead letters' listing and peek only. @default false */
  readonly observe?: boolean | undefined;
  /** Accepts a segment of another user or with group or other permission bits. @default false */
  readonly shared?: boolean | undefined;
}

/** How long to wait, and what ends the wait early. */
export interface WaitOptions {
  /** Milliseconds; 0 does not wait. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait by throwing the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one message. */
export interface SendOptions {
  /** @default that of the message, else "normal" */
  readonly priority?: Priority | undefined;
  /** Milliseconds until it may be taken. @default 0 */
  readonly delayMs?: number | undefined;
  /** Milliseconds until it is dropped untaken. @default never */
  readonly ttlMs?: number | undefined;
  /** Small texts that travel with the body. @default those of the message */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** When full: throw, or drop the oldest waiting message (counted). @default "fail" */
  readonly onFull?: "fail" | "drop-oldest" | undefined;
}

/** Options of a send that waits for room. */
export interface SendWaitOptions extends SendOptions, WaitOptions {}

/** Options of taking a job without waiting. */
export interface LeaseOptions {
  /** Milliseconds the job stays reserved. @default the queue's */
  readonly leaseMs?: number | undefined;
  /**
   * Being reserved is no attempt yet: that begins with `countAttempt`. For jobs that have to wait for their turn; if they
   * counted, a few crashes would make dead letters of messages that nobody has begun with. @default false
   */
  readonly uncounted?: boolean | undefined;
}

/** Where the body of one message goes. */
export interface IntoOptions {
  /**
   * The body is copied to its beginning, and `data` is a view of it: no memory is made for it, and the next message that
   * is taken into it overwrites it. `MessageTooLargeError` when the body does not fit; the message stays in the queue.
   * Not of a resizable, shared or detached buffer. @default memory of the message's own
   */
  readonly into?: Uint8Array | undefined;
}

/** Options of receiving one message. */
export interface ReceiveOptions extends WaitOptions, IntoOptions {}

/** Whether memory of the segment is shown by way of a buffer that is kept. */
export interface ReuseOptions {
  /**
   * Shows the same memory by the same buffer each time, instead of making and detaching one. Faster, but whoever keeps
   * the bytes for longer than their job or claim reads, or overwrites, somebody else's message. @default false
   */
  readonly reuse?: boolean | undefined;
}

/** Options of taking one job without waiting. */
export interface TakeOptions extends LeaseOptions, IntoOptions {}

/** Options of taking one job without a copy. */
export interface ZeroCopyOptions extends LeaseOptions, ReuseOptions {}

/** Options of claiming memory to write a message into. */
export interface ClaimOptions extends SendOptions, ReuseOptions {}

/** Options of taking a job. */
export interface ReserveOptions extends LeaseOptions, WaitOptions {}

/** Options of taking one job. */
export interface ReserveOneOptions extends ReserveOptions, IntoOptions {}

/** Options of `consume`. */
export interface ConsumeOptions extends Pick<LeaseOptions, "leaseMs"> {
  /** Ends the loop by throwing the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Leave when nothing can be taken now. @default false */
  readonly untilEmpty?: boolean | undefined;
  /** Leave when the stream has ended and everything before the end is settled. @default true */
  readonly untilEnd?: boolean | undefined;
  /** Jobs taken at a time; those not handed out are given back uncounted. @default 1 */
  readonly prefetch?: number | undefined;
}

/** Options of giving a job back. */
export interface NackOptions {
  /** Milliseconds until it may be taken again. @default 0 */
  readonly delayMs?: number | undefined;
  /** This delivery does not count as an attempt. @default false */
  readonly uncounted?: boolean | undefined;
}

/** Options of automatic lease renewal. */
export interface KeepAliveOptions {
  /** Milliseconds each renewal buys; renewed every third of it. @default the job's lease */
  readonly leaseMs?: number | undefined;
  /** Milliseconds after which renewal stops. @default no limit */
  readonly maxProcessingMs?: number | undefined;
  /** Milliseconds the event loop may be stuck before renewal stops. @default 300000 */
  readonly maxStallMs?: number | undefined;
}

/** Options of `request`. */
export interface RequestOptions extends WaitOptions {
  /** Milliseconds until the request expires, in the queue too; Infinity for never. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** @default "normal" */
  readonly priority?: Priority | undefined;
  /** Further headers. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}
