/** A message that had its last attempt, or was buried by hand. */
import { META } from "../../ffi/shm/layout.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import { Message } from "./message.ts";
import type { RecordCursor } from "./record.ts";

/** A copy of a dead letter, which stays in the queue until `retry` or `drop`. */
export class DeadLetter<T = unknown> extends Message<T> {
  /** Why: the reason and the end of stderr, as the worker left them. */
  readonly note: string;
  readonly #handle: QueueHandle;
  readonly #slot: number;
  readonly #tokenLo: number;
  readonly #tokenHi: number;

  /** @internal By `deadLetters()`. */
  constructor(record: RecordCursor, handle: QueueHandle, note: string) {
    super(record);
    const { u32, at } = record;
    this.note = note;
    this.#handle = handle;
    this.#slot = u32[at] as number;
    this.#tokenLo = u32[at + META.tokenLo] as number;
    this.#tokenHi = u32[at + META.tokenHi] as number;
  }

  /** Back to the queue, as if it had never been delivered. False when somebody else has dealt with it. */
  retry(): boolean {
    const { shim, address } = this.#handle;
    return this.#done(
      shim.rwq_revive(address, this.#slot, this.#tokenLo, this.#tokenHi),
    );
  }

  /** Dropped for good, and counted. False when somebody else has dealt with it. */
  drop(): boolean {
    const { shim, address } = this.#handle;
    return this.#done(
      shim.rwq_discard(address, this.#slot, this.#tokenLo, this.#tokenHi),
    );
  }

  #done(result: number): boolean {
    if (result === -ERRNO.ESTALE) return false;
    this.#handle.checked(result, "settle");
    return true;
  }
}
