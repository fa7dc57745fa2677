/**
 * Messages that were taken out of UCX before somebody asked for them: so that what lies behind them can come, or since
 * the buffer was too short. Bounded in bytes.
 */

/** A message that was kept aside. */
export interface SpilledMessage {
  readonly tagUpper: number;
  readonly tagLower: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether its bytes are there: a long one is still fetched from its sender. */
  ready: boolean;
  /** Called when it becomes ready, or cannot: then `failed` is set. */
  onReady: (() => void) | undefined;
  failed: boolean;
}

/** Each costs some memory beside its bytes. */
const overheadBytes = 128;

/** The messages of one worker that were kept aside, oldest first. */
export class Spill {
  readonly #bytesMax: number;
  readonly #messages: SpilledMessage[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#messages.length;
  }

  /** Bytes of their bodies. */
  get bytes(): number {
    return this.#bytes - this.#messages.length * overheadBytes;
  }

  /** Whether a message of that length may be kept besides. */
  hasRoom(sizeBytes: number): boolean {
    return this.#bytes + sizeBytes + overheadBytes <= this.#bytesMax;
  }

  /** Keeps a message behind all others. It is not refused: ask `hasRoom` first. */
  add(message: SpilledMessage): void {
    this.#messages.push(message);
    this.#bytes += message.bytes.length + overheadBytes;
  }

  /** Puts a message back that was taken out. */
  addFirst(message: SpilledMessage): void {
    this.#messages.unshift(message);
    this.#bytes += message.bytes.length + overheadBytes;
  }

  /** The oldest message that matches. */
  find(tag: bigint, mask: bigint): SpilledMessage | undefined {
    const upperMask = Number(mask >> 32n);
    const lowerMask = Number(mask & 0xffff_ffffn);
    const upper = Number((tag & mask) >> 32n);
    const lower = Number(tag & mask & 0xffff_ffffn);
    return this.#messages.find(
      (message) =>
        (message.tagUpper & upperMask) >>> 0 === upper &&
        (message.tagLower & lowerMask) >>> 0 === lower,
    );
  }

  /** Takes out a message that `find` gave. */
  remove(message: SpilledMessage): void {
    const index = this.#messages.indexOf(message);
    if (index < 0) return;
    this.#messages.splice(index, 1);
    this.#bytes -= message.bytes.length + overheadBytes;
  }
}
