/** An active message as its handler gets it. */
import type { NativeBytes } from "../core/native_bytes.ts";
import { UcxClosedError } from "../errors.ts";

/** What an {@linkcode ActiveMessage} is made of. */
export interface ActiveMessageInit {
  readonly id: number;
  readonly endpointId: number | undefined;
  readonly header: Uint8Array<ArrayBuffer>;
  readonly data: Uint8Array<ArrayBuffer> | NativeBytes;
}

/** An active message. */
export class ActiveMessage {
  readonly id: number;
  /** Who has sent it; undefined when the sender did not tell (`reply: false`). */
  readonly endpointId: number | undefined;
  readonly header: Uint8Array<ArrayBuffer>;
  /** Bytes of the data. */
  readonly byteLength: number;
  #data: Uint8Array<ArrayBuffer> | NativeBytes | undefined;

  /** Made for handlers. */
  constructor(init: ActiveMessageInit) {
    this.id = init.id;
    this.endpointId = init.endpointId;
    this.header = init.header;
    this.byteLength = init.data.byteLength;
    this.#data = init.data;
  }

  /**
   * The data. Of a handler with `hold` it may lie in UCX's memory: then it is valid until `release`, and moves when the
   * worker is closed.
   *
   * @throws {UcxClosedError} after `release`
   */
  get data(): Uint8Array<ArrayBuffer> {
    if (this.#data === undefined)
      throw new UcxClosedError("the active message was released");
    return this.#data instanceof Uint8Array ? this.#data : this.#data.view;
  }

  /** Gives UCX its memory back; views of it become empty. Only handlers with `hold` need it. Idempotent. */
  release(): void {
    if (this.#data !== undefined && !(this.#data instanceof Uint8Array))
      this.#data.release();
    this.#data = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
