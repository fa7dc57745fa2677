/**
 * Messages that were taken out of UCX before somebody asked for them: so that what lies behind them can come, or since
 * the buffer was too short. Bounded in bytes.
 */
import type { Endpoint } from "./endpoint.ts";

/** A message that was kept aside. */
export interface SpilledMessage {
  readonly tagUpper: number;
  readonly tagLower: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its connection; undefined in raw mode. */
  readonly endpoint: Endpoint | undefined;
  /** Whether its bytes are there: a long one is still fetched from its sender. */
  ready: boolean;
  /** Whether its bytes will never come. */
  failed: boolean;
  /** Called when it becomes ready, or has failed. While it is set, the message is somebody's and not found. */
  onReady: (() => void) | undefined;
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

  /**
   * Makes room for a message behind all others; its bytes are still to come. It is not refused: ask `hasRoom` first.
   *
   * @param endpoint its connection; undefined in raw mode
   */
  add(
    message: {
      readonly tagUpper: number;
      readonly tagLower: number;
      /** Its length. */
      readonly bytes: number;
    },
    endpoint: Endpoint | undefined,
  ): SpilledMessage {
    const spilled: SpilledMessage = {
      tagUpper: message.tagUpper,
      tagLower: message.tagLower,
      bytes: new Uint8Array(new ArrayBuffer(message.bytes)),
      endpoint,
      ready: false,
      failed: false,
      onReady: undefined,
    };
    this.#messages.push(spilled);
    this.#bytes += message.bytes + overheadBytes;
    return spilled;
  }

  /** The oldest message that matches and is nobody's. */
  find(tag: bigint, mask: bigint): SpilledMessage | undefined {
    const upperMask = Number(mask >> 32n);
    const lowerMask = Number(mask & 0xffff_ffffn);
    const upper = Number((tag & mask) >> 32n);
    const lower = Number(tag & mask & 0xffff_ffffn);
    for (const message of this.#messages)
      if (
        message.onReady === undefined &&
        (message.tagUpper & upperMask) >>> 0 === upper &&
        (message.tagLower & lowerMask) >>> 0 === lower
      )
        return message;
    return undefined;
  }

  /** Every message of a connection, also those that are somebody's. */
  ofEndpoint(endpoint: Endpoint): SpilledMessage[] {
    return this.#messages.filter((message) => message.endpoint === endpoint);
  }

  /** Throws away what is left of a connection, and gives how much that was. What is being received is its receiver's. */
  drop(endpoint: Endpoint): number {
    const left = this.ofEndpoint(endpoint).filter(
      ({ onReady }) => onReady === undefined,
    );
    for (const message of left) this.remove(message);
    return left.length;
  }

  /** Takes out a message. Nothing happens when it is not there any more. */
  remove(message: SpilledMessage): void {
    const index = this.#messages.indexOf(message);
    if (index < 0) return;
    this.#messages.splice(index, 1);
    this.#bytes -= message.bytes.length + overheadBytes;
  }
}
