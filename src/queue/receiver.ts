/** From one call of the shim to messages and jobs. */
import { IO, META, META_FLAG, TAKE } from "../../ffi/shm/layout.ts";
import { BodyCopier, freshBytes } from "./body_copy.ts";
import { MessageTooLargeError } from "./errors.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import { Job } from "./job.ts";
import type { Leases } from "./leases.ts";
import { Message } from "./message.ts";
import { checkInto } from "./option_checks.ts";
import type { LeaseOptions } from "./options.ts";
import { pad8 } from "./record.ts";
import { KeptViews, keepAliveWith, viewSharedMemory } from "./shared_view.ts";

const noBytes = new Uint8Array(0);

/** How the shim is to lease. */
export function leaseHow(options: LeaseOptions | undefined): number {
  return options?.uncounted === true ? TAKE.uncounted : TAKE.lease;
}

/** Takes from one handle. A result of null or [] means that there is nothing now; `handle.emptyReason` says why. */
export class Receiver<T> {
  readonly #handle: QueueHandle;
  readonly #leases: Leases;
  readonly #copier: BodyCopier;
  /** Where views that are reused come from. */
  readonly kept: KeptViews;

  constructor(handle: QueueHandle, leases: Leases) {
    this.#handle = handle;
    this.kept = new KeptViews(handle);
    this.#copier = new BodyCopier(handle.u32, handle.staging);
    this.#leases = leases;
  }

  /** The next message, acknowledged. */
  message(): Message<T> | null {
    const handle = this.#handle;
    const { shim, cursor, u32 } = handle;
    for (;;) {
      const result = shim.rwq_receive(handle.address, TAKE.ack, 0);
      if (result < 0) return this.#nothing(result);
      const flags = u32[META.flags] as number;
      if ((flags & META_FLAG.cancelled) !== 0) {
        handle.skippedCancelled++;
        if ((flags & META_FLAG.big) !== 0) this.#ackFirst();
        continue;
      }
      if ((flags & META_FLAG.big) !== 0) {
        if (!this.#readBig() || !this.#ackFirst()) continue;
      } else {
        this.#copyOne();
      }
      return new Message<T>(cursor);
    }
  }

  /** The next message, leased. `leaseMs` 0 stands for the queue's own. */
  job(leaseMs: number, how: number = TAKE.lease): Job<T> | null {
    const handle = this.#handle;
    const { shim, cursor, u32 } = handle;
    for (;;) {
      const result = shim.rwq_receive(handle.address, how, leaseMs);
      if (result < 0) return this.#nothing(result);
      const flags = u32[META.flags] as number;
      if ((flags & META_FLAG.cancelled) !== 0) {
        handle.skippedCancelled++;
        this.#ackFirst();
        continue;
      }
      if ((flags & META_FLAG.big) === 0) this.#copyOne();
      else if (!this.#readBig()) continue;
      return this.#leases.track(
        new Job<T>(cursor, this.#leases, leaseMs, how === TAKE.lease),
      );
    }
  }

  /** The next message, acknowledged, its body in the caller's memory if that is given. @throws {MessageTooLargeError} */
  messageInto(given: Uint8Array | undefined): Message<T> | null {
    const into = checkInto(given);
    if (into === undefined) return this.message();
    return this.#takeInto(into, TAKE.ack, 0)
      ? this.#atInto(() => new Message<T>(this.#handle.cursor))
      : null;
  }

  /** The next message, leased, its body in the caller's memory if that is given. @throws {MessageTooLargeError} */
  jobInto(
    given: Uint8Array | undefined,
    leaseMs: number,
    how: number,
  ): Job<T> | null {
    const into = checkInto(given);
    if (into === undefined) return this.job(leaseMs, how);
    return this.#takeInto(into, how, leaseMs)
      ? this.#atInto(() =>
          this.#leases.track(
            new Job<T>(
              this.#handle.cursor,
              this.#leases,
              leaseMs,
              how === TAKE.lease,
            ),
          ),
        )
      : null;
  }

  /** Up to `max` messages, as many as fit the staging area. They share one copy of it. */
  messages(max: number): Message<T>[] {
    for (;;) {
      const count = this.#takeMany(max, TAKE.ack, 0);
      if (count === 0) return [];
      const messages: Message<T>[] = [];
      this.#eachRecord(count, (big, cancelled) => {
        if (cancelled) {
          this.#handle.skippedCancelled++;
          if (big) this.#ackFirst(IO.stagingU32);
        } else if (
          !big ||
          (this.#readBig(IO.stagingU32) && this.#ackFirst(IO.stagingU32))
        ) {
          messages.push(new Message<T>(this.#handle.cursor));
        }
      });
      if (messages.length > 0) return messages;
    }
  }

  /** Up to `max` jobs, as many as fit the staging area. */
  jobs(max: number, leaseMs: number, how: number = TAKE.lease): Job<T>[] {
    for (;;) {
      const count = this.#takeMany(max, how, leaseMs);
      if (count === 0) return [];
      const jobs: Job<T>[] = [];
      this.#eachRecord(count, (big, cancelled) => {
        if (cancelled) {
          this.#handle.skippedCancelled++;
          this.#ackFirst(this.#handle.cursor.at);
        } else if (!big || this.#readBig(IO.stagingU32)) {
          jobs.push(
            this.#leases.track(
              new Job<T>(
                this.#handle.cursor,
                this.#leases,
                leaseMs,
                how === TAKE.lease,
              ),
            ),
          );
        }
      });
      if (jobs.length > 0) return jobs;
    }
  }

  /** The next message, leased and not copied: its data is shared memory, in a buffer of its own or in one that is kept. */
  view(
    leaseMs: number,
    how: number = TAKE.lease,
    reuse = false,
  ): Job<T> | null {
    const handle = this.#handle;
    const { shim, cursor, u32 } = handle;
    for (;;) {
      const result = shim.rwq_receive(
        handle.address,
        TAKE.pointer | how,
        leaseMs,
      );
      if (result < 0) return this.#nothing(result);
      const headersLength = u32[META.headersLength] as number;
      const bodyLength = u32[META.bodyLength] as number;
      const length =
        headersLength === 0 ? bodyLength : pad8(bodyLength) + headersLength;
      const view =
        (reuse ? this.kept.view(length) : undefined) ??
        viewSharedMemory(handle, length);
      cursor.at = 0;
      cursor.offset = 0;
      cursor.chunk = view.bytes;
      const job = new Job<T>(
        cursor,
        this.#leases,
        leaseMs,
        how === TAKE.lease,
        view,
      );
      // The cursor stays: it must not keep the bytes, and by them the job, from being found when they are dropped.
      cursor.chunk = noBytes;
      if (((u32[META.flags] as number) & META_FLAG.cancelled) !== 0) {
        handle.skippedCancelled++;
        job.settleQuietly("ack");
        continue;
      }
      if (!view.kept) keepAliveWith(view.bytes, job);
      return this.#leases.track(job);
    }
  }

  #nothing(result: number): null {
    const handle = this.#handle;
    if (result !== -ERRNO.EAGAIN) throw handle.failure(result, "take");
    handle.emptyReason = handle.u32[IO.outReasonU32] as number;
    return null;
  }

  #copyOne(): void {
    const { u32, cursor } = this.#handle;
    const bodyLength = u32[META.bodyLength] as number;
    const headersLength = u32[META.headersLength] as number;
    cursor.at = 0;
    this.#copier.copy(
      cursor,
      headersLength === 0 ? bodyLength : pad8(bodyLength) + headersLength,
    );
  }

  /** A message that is larger than the staging area, in a second call. False when the lease was lost in between. */
  #readBig(at = 0): boolean {
    const { u32, shim, cursor, address } = this.#handle;
    const bodyLength = u32[at + META.bodyLength] as number;
    const headersLength = u32[at + META.headersLength] as number;
    const bytes = freshBytes(
      headersLength === 0 ? bodyLength : pad8(bodyLength) + headersLength,
    );
    const result = shim.rwq_read(
      address,
      u32[at] as number,
      u32[at + META.tokenLo] as number,
      u32[at + META.tokenHi] as number,
      bytes,
      bytes.byteLength,
    );
    if (result === -ERRNO.ESTALE) return false;
    this.#handle.checked(result, "take");
    cursor.at = at;
    cursor.chunk = bytes;
    cursor.offset = 0;
    return true;
  }

  /** Has the cursor stand at the next message in the caller's memory. False when there is none. */
  #takeInto(into: Uint8Array, how: number, leaseMs: number): boolean {
    const handle = this.#handle;
    const { shim, cursor, u32, staging } = handle;
    for (;;) {
      const result = shim.rwq_receive_into(
        handle.address,
        into.byteLength === 0 ? null : into,
        into.byteLength,
        how,
        leaseMs,
      );
      if (result < 0) {
        this.#nothing(result);
        return false;
      }
      const flags = u32[META.flags] as number;
      const big = (flags & META_FLAG.big) !== 0;
      if ((flags & META_FLAG.cancelled) !== 0) {
        handle.skippedCancelled++;
        if (big || how !== TAKE.ack) this.#ackFirst();
        continue;
      }
      if (big) this.#refuseFirst(into.byteLength, how);
      const headersLength = u32[META.headersLength] as number;
      cursor.at = 0;
      cursor.chunk = into;
      cursor.offset = 0;
      cursor.headers =
        headersLength === 0 ? undefined : staging.slice(0, headersLength);
      return true;
    }
  }

  /** What was put into the caller's memory; the cursor does not hold it any longer than needed. */
  #atInto<M>(make: () => M): M {
    const { cursor } = this.#handle;
    try {
      return make();
    } finally {
      cursor.chunk = noBytes;
      cursor.headers = undefined;
    }
  }

  /** Gives back what does not fit, as if it had not been taken, but for the mark of a redelivery. */
  #refuseFirst(room: number, how: number): never {
    const { u32, shim, address, place } = this.#handle;
    const bodyLength = u32[META.bodyLength] as number;
    // When the lease is lost by now, it has been given back all the same.
    shim.rwq_nack(
      address,
      u32[META.slot] as number,
      u32[META.tokenLo] as number,
      u32[META.tokenHi] as number,
      0,
      how === TAKE.uncounted ? 0 : 1,
    );
    throw new MessageTooLargeError(
      `${place.name}: the next message has ${bodyLength} bytes, \`into\` has room for ${room}; it stays in the queue`,
      { queue: place.name },
    );
  }

  /** Acknowledges the record at `at`. False when its lease was lost, so that somebody else will get the message. */
  #ackFirst(at = 0): boolean {
    const { u32, shim, address } = this.#handle;
    const result = shim.rwq_ack(
      address,
      u32[at] as number,
      u32[at + META.tokenLo] as number,
      u32[at + META.tokenHi] as number,
    );
    if (result === -ERRNO.ESTALE) return false;
    this.#handle.checked(result, "settle");
    return true;
  }

  #takeMany(max: number, how: number, leaseMs: number): number {
    const handle = this.#handle;
    const result = handle.shim.rwq_receive_many(
      handle.address,
      max,
      how,
      leaseMs,
    );
    if (result >= 0) return result;
    this.#nothing(result);
    return 0;
  }

  /** Moves the cursor over the records of the staging area; one copy for all of them. */
  #eachRecord(
    count: number,
    visit: (big: boolean, cancelled: boolean) => void,
  ): void {
    const { u32, staging, cursor } = this.#handle;
    const chunk = staging.slice(0, u32[IO.outBytesU32] as number);
    let offset = 0;
    for (let index = 0; index < count; index++) {
      const at = IO.stagingU32 + (offset >> 2);
      const flags = u32[at + META.flags] as number;
      const recordBytes = u32[at + META.recordBytes] as number;
      cursor.at = at;
      cursor.chunk = chunk;
      cursor.offset = offset + META.bytes;
      visit((flags & META_FLAG.big) !== 0, (flags & META_FLAG.cancelled) !== 0);
      offset += recordBytes;
    }
  }
}
