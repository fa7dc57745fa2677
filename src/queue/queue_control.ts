/** What is done with a queue rather than with its messages: looking, ruling, leaving. */
import { destroyOpen } from "./creation.ts";
import type { DeadLetter } from "./dead_letter.ts";
import type { QueueHandle } from "./handle.ts";
import { readInfo, readLifecycle, readStatus } from "./inspection.ts";
import type { Message } from "./message.ts";
import { checkInteger, LIMITS } from "./option_checks.ts";
import { listDeadLetters, peekMessages } from "./snapshots.ts";
import type {
  Lifecycle,
  QueueInfo,
  QueueStatus,
  ReplyCounters,
} from "./status.ts";

const sweepCodes = { due: 0, deaths: 1, full: 2 } as const;

/** The part of `CrossProcessQueue` that needs no message to be sent or taken. */
export abstract class QueueControl<T> {
  readonly #handle: QueueHandle;
  readonly #info: QueueInfo;

  /** @internal */
  constructor(handle: QueueHandle) {
    this.#handle = handle;
    this.#info = readInfo(handle);
  }

  /** @internal What this handle has seen as a requester. */
  protected abstract get replyCounters(): ReplyCounters;

  /** Name as given. */
  get name(): string {
    return this.#info.name;
  }

  /** What the queue was created with. */
  get info(): QueueInfo {
    return this.#info;
  }

  /** Whether it was opened with `exclusive`: nobody else may take messages. */
  get exclusive(): boolean {
    return this.#handle.exclusive;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#handle.closed;
  }

  /** Copies of the waiting messages in about the order of delivery; nothing is taken. @param limit @default all */
  peek(limit: number = LIMITS.messagesMax): Iterable<Message<T>> {
    return peekMessages<T>(
      this.#handle,
      checkInteger(limit, "limit", 0, LIMITS.messagesMax),
    );
  }

  /** Copies of the dead letters, each with its note; `retry` and `drop` deal with them. */
  deadLetters(): Iterable<DeadLetter<T>> {
    return listDeadLetters<T>(this.#handle);
  }

  /** A snapshot of everything. Costs a look at every slot that was ever used: some 35 ms for a million. */
  status(): QueueStatus {
    return readStatus(this.#handle, this.#info, this.replyCounters);
  }

  lifecycle(): Lifecycle {
    return readLifecycle(this.#handle).lifecycle;
  }

  /** Whether taking is suspended. */
  get paused(): boolean {
    return readLifecycle(this.#handle).paused;
  }

  // --- ruling

  /** Ends the stream: no more sends, for all handles, until `reopen`. */
  end(): void {
    this.#handle.checked(
      this.#handle.shim.rwq_end(this.#handle.address),
      "maintain",
    );
  }

  /** Starts a new stream after the end. @throws {LockFailedError} while messages of the old one are left */
  reopen(): void {
    this.#handle.checked(
      this.#handle.shim.rwq_reopen(this.#handle.address),
      "maintain",
    );
  }

  /** Suspends taking, for all handles; sending goes on. */
  pause(): void {
    this.#handle.checked(
      this.#handle.shim.rwq_pause(this.#handle.address, 1),
      "maintain",
    );
  }

  resume(): void {
    this.#handle.checked(
      this.#handle.shim.rwq_pause(this.#handle.address, 0),
      "maintain",
    );
  }

  /**
   * Maintenance, which otherwise happens by the way: a bounded round, a look for dead participants, or everything.
   *
   * @returns messages that were put back or promoted
   */
  sweep(how: "due" | "deaths" | "full" = "due"): number {
    const code = sweepCodes[how];
    if (code === undefined)
      throw new RangeError(
        `how: given ${JSON.stringify(how)}, allowed "due", "deaths" or "full"`,
      );
    return this.#handle.checked(
      this.#handle.shim.rwq_sweep(this.#handle.address, code),
      "maintain",
    );
  }

  /** Has a native thread recover what other participants held within milliseconds of their death, until `close`. */
  watch(): void {
    this.#handle.checked(
      this.#handle.shim.rwq_watch(this.#handle.address),
      "maintain",
    );
  }

  /** Gives memory of free slots back to the system; bytes released. */
  trim(): number {
    return (
      this.#handle.checked(
        this.#handle.shim.rwq_trim(this.#handle.address),
        "maintain",
      ) * 1024
    );
  }

  /** Writes the journal out now; nothing to do for a queue in memory. */
  sync(): void {
    this.#handle.checked(
      this.#handle.shim.rwq_sync(this.#handle.address),
      "maintain",
    );
  }

  /** Leaves the queue: unsettled jobs go back uncounted, waiting calls fail with `QueueClosedError`. Idempotent. */
  close(): void {
    this.#handle.close();
  }

  /** Removes the queue for everybody, and closes this handle. Idempotent. */
  destroy(): void {
    if (this.#handle.closed) return;
    try {
      destroyOpen(this.#handle);
    } finally {
      this.#handle.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
