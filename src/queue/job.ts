/** A message that is reserved for this process until its lease runs out. */
import { META } from "../../ffi/shm/layout.ts";
import { LeaseLostError } from "./errors.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import { HEADER } from "./headers.ts";
import type { Leases, LeaseTicket, Watched } from "./leases.ts";
import { Message } from "./message.ts";
import { checkLeaseMs, LIMITS } from "./option_checks.ts";
import type { KeepAliveOptions, NackOptions } from "./options.ts";
import type { RecordCursor } from "./record.ts";
import { deliverReply } from "./reply_delivery.ts";
import type { Sendable } from "./sender.ts";
import type { SharedView } from "./shared_view.ts";

const maxStallMsDefault = 300_000;
const encoder = new TextEncoder();
const noNote = new Uint8Array(0);
/** Who holds the signal alone still waits for its job's lease. */
const jobsOfSignals = new WeakMap<AbortSignal, Job<never>>();

function checkMs(value: number, what: string, min: number): number {
  if (typeof value !== "number")
    throw new TypeError(
      `${what}: given ${typeof value}, allowed a number of milliseconds`,
    );
  if (!(value >= min && value < Number.POSITIVE_INFINITY))
    throw new RangeError(
      `${what}: given ${value}, allowed a finite number of milliseconds >= ${min}`,
    );
  return value;
}

/**
 * A leased message. Settle it with `ack`, `nack`, `bury` or `reply` before its lease runs out; otherwise somebody else
 * gets it, and settling fails with `LeaseLostError`.
 *
 * @example
 * ```ts
 * using job = await queue.reserve();
 * if (job !== null) {
 *   await work(job.json());
 *   job.ack(); // leaving the block without it gives the job back
 * }
 * ```
 */
export class Job<T = unknown> extends Message<T> implements Watched {
  /** @internal */
  registered = false;
  readonly #leases: Leases;
  readonly #slot: number;
  #tokenLo: number;
  #tokenHi: number;
  readonly #leaseMs: number;
  readonly #view: SharedView | undefined;
  /** Whether this delivery is among the attempts. */
  #counted: boolean;
  #settled = false;
  #renewing = false;
  #watched: WeakRef<Watched> | undefined;
  #lost: LeaseLostError | undefined;
  #aborter: AbortController | undefined;

  /** @internal Jobs are made by `reserve` and its relatives. */
  constructor(
    record: RecordCursor,
    leases: Leases,
    leaseMs: number,
    counted: boolean,
    view?: SharedView,
  ) {
    super(record);
    const { u32, at } = record;
    this.#leases = leases;
    this.#slot = u32[at] as number;
    this.#tokenLo = u32[at + META.tokenLo] as number;
    this.#tokenHi = u32[at + META.tokenHi] as number;
    this.#leaseMs = leaseMs;
    this.#counted = counted;
    this.#view = view;
  }

  /** Whether the job was settled, or found to be lost while settling. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Aborted when the lease is lost, renewal has stopped, or the requester has given up; looked at every 50 ms. */
  get signal(): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController();
      jobsOfSignals.set(this.#aborter.signal, this as unknown as Job<never>);
      if (this.#lost !== undefined) this.#aborter.abort(this.#lost);
      else if (!this.#settled) this.#watch();
    }
    return this.#aborter.signal;
  }

  /** `NAME#UUID` of the queue where a reply is awaited, undefined when nobody waits. */
  get replyTo(): string | undefined {
    return this.headers[HEADER.replyTo];
  }

  /** @internal */
  get ticket(): LeaseTicket {
    return {
      slot: this.#slot,
      tokenLo: this.#tokenLo,
      tokenHi: this.#tokenHi,
      forgetView: this.#view?.forget,
    };
  }

  /**
   * Done: the message is gone for good.
   *
   * @throws {LeaseLostError} when the lease has run out, or the job is settled already
   */
  ack(): void {
    this.#check();
    const { shim, address } = this.#leases.handle;
    this.#letGo();
    this.#finish(
      shim.rwq_ack(address, this.#slot, this.#tokenLo, this.#tokenHi),
    );
  }

  /**
   * Gives the job back, at once or later.
   *
   * @returns "buried" when this was its last attempt, so that it became a dead letter
   * @throws {LeaseLostError}
   */
  nack(options: NackOptions = {}): "requeued" | "buried" {
    const delayMs =
      options.delayMs === undefined
        ? 0
        : checkMs(options.delayMs, "delayMs", 0);
    this.#check();
    const { shim, address } = this.#leases.handle;
    this.#letGo();
    // What was never counted is not taken off again.
    const flags = options.uncounted === true && this.#counted ? 1 : 0;
    return this.#finish(
      shim.rwq_nack(
        address,
        this.#slot,
        this.#tokenLo,
        this.#tokenHi,
        delayMs,
        flags,
      ),
    ) === 1
      ? "buried"
      : "requeued";
  }

  /**
   * Makes the lease last `leaseMs` from now.
   *
   * @param leaseMs milliseconds. @default what it was taken with
   * @throws {LeaseLostError}
   */
  touch(leaseMs?: number): void {
    const ms = leaseMs === undefined ? this.#leaseMs : checkLeaseMs(leaseMs);
    this.#check();
    const { shim, address } = this.#leases.handle;
    this.#orLost(
      shim.rwq_touch(address, this.#slot, this.#tokenLo, this.#tokenHi, ms),
    );
  }

  /**
   * Counts one more attempt without giving the message back: for workers that try again in place. The lease, and its
   * renewal, go on; `attempts` follows.
   *
   * @returns the new number; null when the message has had all of its `maxDeliver` attempts: bury it
   * @throws {LeaseLostError}
   */
  countAttempt(): number | null {
    this.#check();
    const { shim, address, u32 } = this.#leases.handle;
    const result = shim.rwq_count_attempt(
      address,
      this.#slot,
      this.#tokenLo,
      this.#tokenHi,
    );
    if (result === -ERRNO.ESTALE) this.#orLost(result);
    this.#counted = true;
    // Also when a journal could not be written out: the attempt is counted all the same.
    this.#tokenLo = u32[META.tokenLo] as number;
    this.#tokenHi = u32[META.tokenHi] as number;
    (this as { attempts: number }).attempts = u32[META.attempts] as number;
    if (this.registered) this.#leases.register(this);
    this.#orLost(result);
    return result === 0 ? this.attempts : null;
  }

  /**
   * Makes the message a dead letter.
   *
   * @param note why; of more than 4064 bytes the end is kept. @default none
   * @throws {LeaseLostError}
   */
  bury(note?: string | Uint8Array): void {
    const bytes =
      note === undefined
        ? noNote
        : typeof note === "string"
          ? encoder.encode(note)
          : note;
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(
        `note: given ${typeof note}, allowed a string or a Uint8Array`,
      );
    this.#check();
    const { shim, address } = this.#leases.handle;
    this.#letGo();
    const end = bytes.subarray(
      Math.max(0, bytes.byteLength - LIMITS.noteBytesMax),
    );
    this.#finish(
      shim.rwq_bury(
        address,
        this.#slot,
        this.#tokenLo,
        this.#tokenHi,
        end.byteLength === 0 ? null : end,
        end.byteLength,
      ),
    );
  }

  /**
   * Renews the lease every third of it, on a native thread, so that a busy event loop does not lose it. Renewal ends with
   * the job, after `maxProcessingMs`, and when the event loop was stuck for `maxStallMs`.
   *
   * @returns dispose it to stop renewing before the job is settled
   * @throws {LeaseLostError}
   */
  keepAlive(options: KeepAliveOptions = {}): Disposable {
    const leaseMs =
      options.leaseMs === undefined
        ? this.#leaseMs
        : checkLeaseMs(options.leaseMs);
    const maxProcessingMs =
      options.maxProcessingMs === undefined
        ? 0
        : checkMs(options.maxProcessingMs, "maxProcessingMs", 1);
    const maxStallMs =
      options.maxStallMs === undefined
        ? maxStallMsDefault
        : checkMs(options.maxStallMs, "maxStallMs", 1);
    this.#check();
    const { shim, address } = this.#leases.handle;
    this.#orLost(
      shim.rwq_renew_start(
        address,
        this.#slot,
        this.#tokenLo,
        this.#tokenHi,
        leaseMs,
        maxProcessingMs,
        maxStallMs,
      ),
    );
    this.#renewing = true;
    this.#watch();
    return {
      [Symbol.dispose]: (): void => {
        if (!this.#renewing || this.#settled || this.#leases.handle.closed)
          return;
        this.#renewing = false;
        shim.rwq_renew_stop(address, this.#slot, this.#tokenLo, this.#tokenHi);
      },
    };
  }

  /**
   * Sends the reply to the requester, then acknowledges the job.
   *
   * @returns false when nobody waits any more; the job is acknowledged all the same
   * @throws {TypeError} when the message is no request
   * @throws {MessageTooLargeError} and what sending may throw; the job stays reserved
   * @throws {LeaseLostError} when somebody else may reply as well
   */
  reply(body: Sendable): boolean {
    this.#check();
    const delivered = deliverReply(this.headers, body, this.#leases.handle);
    this.ack();
    return delivered;
  }

  /** Gives the job back, unless it is settled or lost. */
  [Symbol.dispose](): void {
    this.settleQuietly("nack");
  }

  /** @internal Settles it, no matter whether it is still held. True when it was. */
  settleQuietly(how: "ack" | "nack" | "release"): boolean {
    const { handle } = this.#leases;
    if (this.#settled || handle.closed) return false;
    const { shim, address } = handle;
    this.#letGo();
    const result =
      how === "ack"
        ? shim.rwq_ack(address, this.#slot, this.#tokenLo, this.#tokenHi)
        : shim.rwq_nack(
            address,
            this.#slot,
            this.#tokenLo,
            this.#tokenHi,
            0,
            how === "release" && this.#counted ? 1 : 0,
          );
    this.#end();
    return result >= 0;
  }

  /** @internal Whether its data is shared memory. */
  get zeroCopy(): boolean {
    return this.#view !== undefined;
  }

  /** @internal Whether it was taken by way of this handle. */
  isOf(handle: QueueHandle): boolean {
    return this.#leases.handle === handle;
  }

  /** @internal The lease as the shim takes it in calls that settle many. */
  writeTicket(into: Uint32Array, at: number): void {
    into[at] = this.#slot;
    into[at + 1] = this.#tokenLo;
    into[at + 2] = this.#tokenHi;
  }

  /** @internal By a call that settles many. */
  markSettled(): void {
    if (!this.#settled) this.#end();
  }

  /** @internal */
  loseLease(why: "lost" | "cancelled" | "stalled"): void {
    if (this.#lost !== undefined) return;
    const texts = {
      lost: "its lease is lost",
      cancelled: "its requester has given up",
      stalled: "renewal of its lease has stopped",
    };
    const { place } = this.#leases.handle;
    this.#lost = new LeaseLostError(
      `${place.name}: message ${this.id}: ${texts[why]}`,
      { queue: place.name, cancelled: why === "cancelled" },
    );
    this.#unwatch();
    this.#aborter?.abort(this.#lost);
  }

  #check(): void {
    if (!this.#settled) return;
    const { place } = this.#leases.handle;
    throw new LeaseLostError(
      `${place.name}: message ${this.id} is already settled`,
      { queue: place.name },
    );
  }

  /** After a call that settles. */
  #finish(result: number): number {
    if (result >= 0 || result === -ERRNO.ESTALE) this.#end();
    return this.#orLost(result);
  }

  #orLost(result: number): number {
    if (result < 0) throw this.#leases.handle.failure(result, "settle");
    return result;
  }

  #end(): void {
    this.#settled = true;
    this.#renewing = false;
    this.#leases.letGo(this);
    this.#unwatch();
    if (this.#view !== undefined) {
      const { shim, address } = this.#leases.handle;
      shim.rwq_release_view(address);
    }
  }

  /** Before the memory may be somebody else's. */
  #letGo(): void {
    if (this.#view === undefined) return;
    this.forgetBody();
    this.#view.release();
  }

  #watch(): void {
    this.#watched ??= this.#leases.watch(this);
  }

  #unwatch(): void {
    if (this.#watched === undefined) return;
    this.#leases.unwatch(this.#watched);
    this.#watched = undefined;
  }
}
