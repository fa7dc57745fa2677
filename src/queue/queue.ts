/** CrossProcessQueue: many processes of one host, one queue in shared memory. */
import { EMPTY, WAIT_FOR } from "../../ffi/shm/layout.ts";
import { deadlineMs, throwIfAborted } from "../base/deadline.ts";
import { Claim } from "./claim.ts";
import { consumeJobs } from "./consume.ts";
import { connectQueue, createQueue, destroyQueue } from "./creation.ts";
import { QueueTimeoutError } from "./errors.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import type { Job } from "./job.ts";
import { Leases } from "./leases.ts";
import { encodeValue, type Message } from "./message.ts";
import { checkInteger, checkLeaseMs } from "./option_checks.ts";
import type {
  ClaimOptions,
  ConnectOptions,
  ConsumeOptions,
  CreateOptions,
  IntoOptions,
  LeaseOptions,
  ReceiveOptions,
  RequestOptions,
  ReserveOneOptions,
  ReserveOptions,
  SendOptions,
  SendWaitOptions,
  TakeOptions,
  WaitOptions,
  ZeroCopyOptions,
} from "./options.ts";
import { QueueControl } from "./queue_control.ts";
import { leaseHow, Receiver } from "./receiver.ts";
import { Requests } from "./requests.ts";
import { type Sendable, Sender } from "./sender.ts";
import { ackAll } from "./settle_many.ts";
import type { ReplyCounters } from "./status.ts";
import { eitherOf, readableOf, writableOf } from "./streams.ts";
import { Waits } from "./waits.ts";

/** Why a take gave nothing. `ended`: the stream has ended, and nothing is left in any state. */
export type EmptyReason = "now" | "paused" | "ended";

const emptyReasons: readonly EmptyReason[] = ["now", "paused", "ended"];
/** A blocking wait looks at the clock this often. */
const sliceMsMax = 1000;
const takeMax = 2 ** 20;
const noOptions = {};

/**
 * A bounded queue between the processes of one host. Each message goes to one consumer and survives the death of any
 * process at any instant; a job that is not acknowledged is delivered again.
 *
 * A queue object belongs to the thread that made it: Workers connect for themselves. Every call throws
 * {@linkcode QueueClosedError} after `close`, and {@linkcode QueueCorruptError} when the segment is damaged; every call
 * that takes, {@linkcode ConsumerExcludedError} while another handle takes alone.
 *
 * @example
 * ```ts
 * using queue = CrossProcessQueue.create("jobs", { ifExists: "connect" });
 * queue.send(Message.json({ url: "https://example.org" }));
 * for await (const job of queue.consume({ untilEmpty: true })) {
 *   console.log(job.json());
 *   job.ack();
 * }
 * ```
 */
export class CrossProcessQueue<T = unknown> extends QueueControl<T> {
  readonly #handle: QueueHandle;
  readonly #sender: Sender;
  readonly #receiver: Receiver<T>;
  readonly #waits: Waits;
  readonly #requests: Requests;

  private constructor(handle: QueueHandle) {
    super(handle);
    this.#handle = handle;
    this.#sender = new Sender(handle);
    this.#receiver = new Receiver<T>(handle, new Leases(handle));
    this.#waits = new Waits(handle);
    this.#requests = new Requests(handle, this.#sender, this.#waits);
  }

  /**
   * Makes a queue and opens it.
   *
   * @param name 1 to 200 characters of A-Z a-z 0-9 . _ - (in RINGWIRE_SHM_DIR, else /dev/shm), or `file:PATH` with a journal
   * @throws {QueueExistsError} when the name is taken, unless `ifExists` is "connect"
   * @throws {CreationFailedError} {NoSpaceError} {ConsumerExcludedError} {TypeError} {RangeError}
   */
  static create<T = unknown>(
    name: string,
    options: CreateOptions<T> = {},
  ): CrossProcessQueue<T> {
    return new CrossProcessQueue<T>(createQueue(name, options));
  }

  /**
   * Opens a queue that exists.
   *
   * @throws {QueueNotFoundError} {NotPermittedError} {ForeignSegmentError} {VersionMismatchError} {QueueCorruptError}
   * @throws {TooManyParticipantsError} {ConsumerExcludedError} {TypeError} {RangeError}
   */
  static connect<T = unknown>(
    name: string,
    options: ConnectOptions<T> = {},
  ): CrossProcessQueue<T> {
    return new CrossProcessQueue<T>(connectQueue(name, options));
  }

  /** Removes a queue by name, a damaged one too; who has it open gets `QueueClosedError`. False when there is none. */
  static destroy(name: string): boolean {
    return destroyQueue(name);
  }

  /** Why the last take of this handle gave nothing. */
  get emptyReason(): EmptyReason {
    return emptyReasons[this.#handle.emptyReason] ?? "now";
  }

  // --- sending

  /**
   * Sends without waiting.
   *
   * @returns the message's id
   * @throws {QueueFullError} {QueueEndedError} {MessageTooLargeError} {NoSpaceError} {SerializationFailedError}
   */
  send(message: Sendable, options?: SendOptions): bigint {
    const result = this.#sender.put(message, options);
    if (result < 0) throw this.#handle.failure(result, "send");
    return this.#sender.lastId;
  }

  /** Sends without waiting and without making an id. False when the queue is full. @throws as `send`, but for the full queue */
  trySend(message: Sendable, options?: SendOptions): boolean {
    return this.#accepted(this.#sender.put(message, options));
  }

  /** Encodes a value with the queue's codec (JSON unless told otherwise), checks it by its schema, and sends it. @throws as `send` */
  sendValue(value: T, options?: SendOptions): bigint {
    const result = this.#sender.putChecked(this.#encode(value), options);
    if (result < 0) throw this.#handle.failure(result, "send");
    return this.#sender.lastId;
  }

  /** `sendValue` that gives false when the queue is full. @throws as `sendValue`, but for the full queue */
  trySendValue(value: T, options?: SendOptions): boolean {
    return this.#accepted(
      this.#sender.putChecked(this.#encode(value), options),
    );
  }

  /**
   * Sends many with few calls and one wake-up for each batch.
   *
   * @returns how many were accepted, always the first ones; fewer when the queue is full
   * @throws as `send` when not even the first was accepted for another reason
   */
  sendMany(messages: readonly Sendable[], options?: SendOptions): number {
    return this.#sender.putMany(messages, options);
  }

  /**
   * Sends, waiting for room.
   *
   * @throws {QueueTimeoutError} the signal's reason; and as `send`, but for the full queue
   */
  async sendWait(
    message: Sendable,
    options: SendWaitOptions = noOptions,
  ): Promise<bigint> {
    return await this.#waitForRoom(
      () => this.trySend(message, options),
      options,
    );
  }

  /** `sendValue` that waits for room; the value is encoded and checked once, before. @throws as `sendWait` */
  async sendValueWait(
    value: T,
    options: SendWaitOptions = noOptions,
  ): Promise<bigint> {
    const body = this.#encode(value);
    return await this.#waitForRoom(
      () => this.#accepted(this.#sender.putChecked(body, options)),
      options,
    );
  }

  /** Sends, blocking this thread until there is room. For Workers. @throws {QueueTimeoutError} and as `send` */
  sendSync(
    message: Sendable,
    timeoutMs: number,
    options?: SendOptions,
  ): bigint {
    const id = this.#blockFor(WAIT_FOR.space, timeoutMs, () =>
      this.trySend(message, options) ? this.#sender.lastId : undefined,
    );
    return id ?? this.#noRoom(timeoutMs);
  }

  /**
   * A place in shared memory to write a message of at most `length` bytes into, without a copy.
   *
   * @throws as `send`
   */
  claim(length: number, options?: ClaimOptions): Claim {
    return new Claim(
      this.#handle,
      this.#sender,
      length,
      options,
      this.#receiver.kept,
    );
  }

  // --- receiving

  /** The next message, acknowledged; null when there is nothing to take. @throws {MessageTooLargeError} when it does not fit `into` */
  tryReceive(options?: IntoOptions): Message<T> | null {
    return options === undefined
      ? this.#receiver.message()
      : this.#receiver.messageInto(options.into);
  }

  /**
   * Up to `max` messages, acknowledged; no more than fit `stagingBytes`. They share memory: keeping one keeps all.
   *
   * @param max 1 to 1048576
   */
  tryReceiveMany(max: number): Message<T>[] {
    return this.#receiver.messages(checkInteger(max, "max", 1, takeMax));
  }

  /** The next message, blocking this thread at most `timeoutMs`; null when there is none. For Workers. */
  receiveSync(timeoutMs: number, options?: IntoOptions): Message<T> | null {
    return (
      this.#blockFor(WAIT_FOR.message, timeoutMs, () =>
        this.#unlessEnded(this.#receiver.messageInto(options?.into)),
      ) ?? null
    );
  }

  /**
   * Waits for the next message; acknowledged. Callers of one handle are served in turn.
   *
   * @returns null when `timeoutMs` has passed, or the stream has ended and nothing is left (see `emptyReason`)
   * @throws the signal's reason; {MessageTooLargeError} when the message does not fit `into`
   */
  receive(options: ReceiveOptions = noOptions): Promise<Message<T> | null> {
    return this.#waitFor(
      () => this.#receiver.messageInto(options.into),
      options,
    );
  }

  /** `receive` with a time limit in milliseconds. */
  receiveAsyncWithTimeout(timeoutMs: number): Promise<Message<T> | null> {
    return this.receive({ timeoutMs });
  }

  /** Waits for at least one message and takes up to `max`; [] where `receive` gives null. */
  async receiveMany(
    max: number,
    options: WaitOptions = noOptions,
  ): Promise<Message<T>[]> {
    checkInteger(max, "max", 1, takeMax);
    return (
      (await this.#waitFor(
        () => orNull(this.#receiver.messages(max)),
        options,
      )) ?? []
    );
  }

  /** The next message as a job, to be settled; null when there is nothing to take. @throws {MessageTooLargeError} when it does not fit `into` */
  tryReserve(options?: TakeOptions): Job<T> | null {
    if (options === undefined) return this.#receiver.job(0);
    return this.#receiver.jobInto(
      options.into,
      checkLeaseMs(options.leaseMs),
      leaseHow(options),
    );
  }

  /** Up to `max` jobs; no more than fit `stagingBytes`. */
  tryReserveMany(max: number, options?: LeaseOptions): Job<T>[] {
    return this.#receiver.jobs(
      checkInteger(max, "max", 1, takeMax),
      checkLeaseMs(options?.leaseMs),
      leaseHow(options),
    );
  }

  /** The next job, blocking this thread at most `timeoutMs`; null when there is none. For Workers. */
  reserveSync(timeoutMs: number, options?: TakeOptions): Job<T> | null {
    const leaseMs = checkLeaseMs(options?.leaseMs);
    const how = leaseHow(options);
    return (
      this.#blockFor(WAIT_FOR.message, timeoutMs, () =>
        this.#unlessEnded(this.#receiver.jobInto(options?.into, leaseMs, how)),
      ) ?? null
    );
  }

  /** Waits for the next job; null as for `receive`. @throws as `receive` */
  reserve(options: ReserveOneOptions = noOptions): Promise<Job<T> | null> {
    const leaseMs = checkLeaseMs(options.leaseMs);
    const how = leaseHow(options);
    return this.#waitFor(
      () => this.#receiver.jobInto(options.into, leaseMs, how),
      options,
    );
  }

  /** Waits for at least one job and takes up to `max`; [] where `reserve` gives null. */
  async reserveMany(
    max: number,
    options: ReserveOptions = noOptions,
  ): Promise<Job<T>[]> {
    checkInteger(max, "max", 1, takeMax);
    const leaseMs = checkLeaseMs(options.leaseMs);
    const how = leaseHow(options);
    return (
      (await this.#waitFor(
        () => orNull(this.#receiver.jobs(max, leaseMs, how)),
        options,
      )) ?? []
    );
  }

  /**
   * The next job without a copy: its `data` is shared memory, read-only (writing to it ends the process), and empty once
   * the job is settled. Its checksum is not verified. Null when there is nothing to take.
   */
  reserveZeroCopy(options?: ZeroCopyOptions): Job<T> | null {
    return this.#receiver.view(
      checkLeaseMs(options?.leaseMs),
      leaseHow(options),
      options?.reuse === true,
    );
  }

  /** Acknowledges many jobs in one call: how many; those whose lease was lost are left out. All are settled afterwards. @throws {TypeError} for a job of another handle, and then none is */
  ackMany(jobs: readonly Job<T>[]): number {
    return ackAll(this.#handle, jobs);
  }

  /**
   * Jobs one after the other. Settle each within the loop's body; one that is left unsettled is given back with a warning.
   * The loop ends with the stream, or with `untilEmpty` when there is nothing to take.
   *
   * @throws the signal's reason
   */
  consume(
    options: ConsumeOptions = noOptions,
  ): AsyncGenerator<Job<T>, void, undefined> {
    return consumeJobs(this.#handle, this.#receiver, this.#waits, options);
  }

  /** Messages as a stream, each acknowledged when it is read; ends with the queue's stream. */
  readable(
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly untilEmpty?: boolean | undefined;
    } = noOptions,
  ): ReadableStream<Message<T>> {
    const { signal, untilEmpty = false } = options;
    throwIfAborted(signal);
    return readableOf((cancelled) =>
      this.reserve({
        signal: eitherOf(signal, cancelled),
        timeoutMs: untilEmpty ? 0 : undefined,
      }),
    );
  }

  /** A stream whose chunks are sent as messages, waiting for room. Closing it does not end the queue's stream. */
  writable(options: SendWaitOptions = noOptions): WritableStream<Sendable> {
    const { signal } = options;
    throwIfAborted(signal);
    return writableOf((message, aborted) =>
      this.sendWait(message, { ...options, signal: eitherOf(signal, aborted) }),
    );
  }

  /**
   * Sends a request and waits for the one reply to it, which a worker gives with `job.reply`. When the time is up or the
   * signal fires, the worker's `job.signal` is aborted, and a request that nobody has taken is never handed out.
   *
   * @throws {QueueTimeoutError} the signal's reason; and as `send`, but for the full queue, which is waited for
   */
  request(
    body: Sendable,
    options: RequestOptions = noOptions,
  ): Promise<Message> {
    return this.#requests.request(body, options);
  }

  protected override get replyCounters(): ReplyCounters {
    return this.#requests.counters;
  }

  #encode(value: T): Uint8Array | string {
    return encodeValue(value, this.#handle.rules);
  }

  /** False when the queue was full. */
  #accepted(result: number): boolean {
    if (result >= 0) return true;
    if (result === -ERRNO.EAGAIN) return false;
    throw this.#handle.failure(result, "send");
  }

  #waitForRoom(send: () => boolean, options: SendWaitOptions): Promise<bigint> {
    const deadline = deadlineMs(options.timeoutMs);
    throwIfAborted(options.signal);
    const attempt = (): bigint | undefined =>
      send() ? this.#sender.lastId : undefined;
    if (!this.#waits.busy("space")) {
      const id = attempt();
      if (id !== undefined) return Promise.resolve(id);
    }
    return this.#waits.enter(
      "space",
      attempt,
      () => this.#noRoom(options.timeoutMs),
      deadline,
      options.signal,
    );
  }

  #noRoom(timeoutMs: number | undefined): never {
    throw new QueueTimeoutError(
      `${this.name}: no room within ${timeoutMs} ms`,
      { queue: this.name },
    );
  }

  /** null counts as found when nothing can come any more. */
  #unlessEnded<R>(found: R | null): R | null | undefined {
    return found !== null || this.#handle.emptyReason === EMPTY.ended
      ? found
      : undefined;
  }

  #waitFor<R>(take: () => R | null, options: WaitOptions): Promise<R | null> {
    try {
      const deadline = deadlineMs(options.timeoutMs);
      throwIfAborted(options.signal);
      const attempt = (): R | null | undefined => this.#unlessEnded(take());
      if (!this.#waits.busy("message")) {
        const found = attempt();
        if (found !== undefined) return Promise.resolve(found);
        if (options.timeoutMs === 0) return Promise.resolve(null);
      }
      return this.#waits.enter<R | null>(
        "message",
        attempt,
        () => null,
        deadline,
        options.signal,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #blockFor<R>(
    what: number,
    timeoutMs: number,
    attempt: () => R | undefined,
  ): R | undefined {
    const deadline = deadlineMs(timeoutMs);
    for (;;) {
      const found = attempt();
      if (found !== undefined) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return undefined;
      const result = this.#handle.shim.rwq_wait(
        this.#handle.address,
        what,
        Math.min(leftMs, sliceMsMax),
      );
      if (result < 0 && result !== -ERRNO.ETIMEDOUT)
        throw this.#handle.failure(result, "wait");
    }
  }
}

function orNull<R>(found: R[]): R[] | null {
  return found.length === 0 ? null : found;
}
