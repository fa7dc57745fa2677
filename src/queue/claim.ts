/** Writing a message straight into shared memory. */
import { META } from "../../ffi/shm/layout.ts";
import { warn } from "../base/warnings.ts";
import { LeaseLostError } from "./errors.ts";
import type { QueueHandle } from "./handle.ts";
import { checkInteger } from "./option_checks.ts";
import type { ClaimOptions } from "./options.ts";
import type { Sender } from "./sender.ts";
import {
  type KeptViews,
  keepAliveWith,
  type SharedView,
  viewSharedMemory,
} from "./shared_view.ts";

const noBytes = new Uint8Array(0);

interface DroppedClaim {
  readonly handle: QueueHandle;
  readonly slot: number;
  readonly tokenLo: number;
  readonly tokenHi: number;
  /** Of its view. */
  readonly forget: () => void;
}

const droppedClaims = new FinalizationRegistry<DroppedClaim>(
  ({ handle, slot, tokenLo, tokenHi, forget }) => {
    forget();
    if (handle.closed) return;
    if (handle.shim.rwq_abort(handle.address, slot, tokenLo, tokenHi) >= 0) {
      warn(`a claim on queue ${handle.place.name} was dropped; it was aborted`);
    }
  },
);

/**
 * A place in shared memory to write a message into. Nobody sees it before `commit`.
 *
 * @example
 * ```ts
 * using claim = queue.claim(frame.byteLength);
 * frame.copyTo(claim.bytes);
 * claim.commit(); // leaving the block without it aborts
 * ```
 */
export class Claim {
  readonly #handle: QueueHandle;
  readonly #sender: Sender;
  readonly #options: ClaimOptions | undefined;
  readonly #view: SharedView;
  readonly #length: number;
  readonly #slot: number;
  readonly #tokenLo: number;
  readonly #tokenHi: number;
  #done = false;

  /** @internal By `CrossProcessQueue.claim`. */
  constructor(
    handle: QueueHandle,
    sender: Sender,
    length: number,
    options: ClaimOptions | undefined,
    kept: KeptViews,
  ) {
    this.#handle = handle;
    this.#sender = sender;
    this.#options = options;
    this.#length = checkInteger(length, "length", 0, 2 ** 30);
    handle.checked(
      handle.shim.rwq_claim(
        handle.address,
        length,
        sender.prepare("", options),
      ),
      "send",
    );
    const { u32 } = handle;
    this.#slot = u32[META.slot] as number;
    this.#tokenLo = u32[META.tokenLo] as number;
    this.#tokenHi = u32[META.tokenHi] as number;
    this.#view =
      (options?.reuse === true ? kept.view(length) : undefined) ??
      viewSharedMemory(handle, length);
    if (!this.#view.kept) keepAliveWith(this.#view.bytes, this);
    droppedClaims.register(
      this,
      {
        handle,
        slot: this.#slot,
        tokenLo: this.#tokenLo,
        tokenHi: this.#tokenHi,
        forget: this.#view.forget,
      },
      this,
    );
  }

  /** Where to write; of length 0 after `commit` or `abort`, and detached unless it is reused. Not cleared. */
  get bytes(): Uint8Array {
    return this.#done ? noBytes : this.#view.bytes;
  }

  /**
   * Sends the first `length` bytes.
   *
   * @param length bytes. @default all
   * @returns the message's id
   * @throws {LeaseLostError} when it was committed or aborted before
   * @throws {SerializationFailedError} when the queue's schema does not allow it; the claim goes on
   * @throws {QueueEndedError} when the stream has ended meanwhile
   */
  commit(length: number = this.#length): bigint {
    checkInteger(length, "length", 0, this.#length);
    if (this.#done)
      throw new LeaseLostError(
        `${this.#handle.place.name}: this claim was committed or aborted before`,
        { queue: this.#handle.place.name },
      );
    const { shim, address } = this.#handle;
    this.#sender.checkBody(this.#view.bytes.subarray(0, length));
    const flags = this.#sender.prepare("", this.#options);
    this.#finish();
    this.#handle.checked(
      shim.rwq_commit(
        address,
        this.#slot,
        this.#tokenLo,
        this.#tokenHi,
        length,
        flags,
      ),
      "send",
    );
    return this.#sender.lastId;
  }

  /** Gives the place back. Idempotent. */
  abort(): void {
    if (this.#done) return;
    this.#finish();
    if (!this.#handle.closed)
      this.#handle.shim.rwq_abort(
        this.#handle.address,
        this.#slot,
        this.#tokenLo,
        this.#tokenHi,
      );
  }

  [Symbol.dispose](): void {
    this.abort();
  }

  #finish(): void {
    this.#done = true;
    droppedClaims.unregister(this);
    this.#view.release();
  }
}
