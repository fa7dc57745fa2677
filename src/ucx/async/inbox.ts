/** What has arrived on one connection and was not received, and who waits for it. In raw mode: on the worker. */
import type { Endpoint } from "../core/endpoint.ts";
import type { ProbedMessage } from "../core/tag_messages.ts";
import type { Receive, TagHalves } from "./receive.ts";

/** A message whose bytes were fetched, or are, and whose receive was given up meanwhile. */
export interface FetchedMessage extends TagHalves {
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether the bytes are there. */
  isComplete: boolean;
  /** Who gets it when it is complete. */
  receive: Receive | undefined;
}

/** A message that nobody has received: in UCX's memory, or fetched. */
export type KeptMessage =
  | {
      readonly tagUpper: number;
      readonly tagLower: number;
      readonly sizeBytes: number;
      readonly probed: ProbedMessage;
      readonly fetched: undefined;
    }
  | {
      readonly tagUpper: number;
      readonly tagLower: number;
      readonly sizeBytes: number;
      readonly probed: undefined;
      readonly fetched: FetchedMessage;
    };

/** Messages and receives of one connection, both in the order of their arrival. */
export class Inbox {
  /** Undefined in raw mode. */
  readonly endpoint: Endpoint | undefined;
  readonly kept: KeptMessage[] = [];
  readonly waiting: Receive[] = [];
  /** Messages that are being fetched for somebody. */
  readonly fetching = new Set<FetchedMessage>();
  /** Bytes of the messages in `kept`. */
  keptBytes = 0;

  constructor(endpoint: Endpoint | undefined) {
    this.endpoint = endpoint;
  }

  /** Keeps a message behind all others. */
  add(message: KeptMessage): void {
    this.kept.push(message);
    this.keptBytes += message.sizeBytes;
  }

  /** Keeps a message before all others. */
  addFirst(message: KeptMessage): void {
    this.kept.unshift(message);
    this.keptBytes += message.sizeBytes;
  }

  /** The place of the oldest message that a receive takes; -1 for none. */
  findKept(receive: Receive): number {
    const { kept } = this;
    for (let index = 0; index < kept.length; index++) {
      const message = kept[index];
      if (message !== undefined && receive.takes(message)) return index;
    }
    return -1;
  }

  /** Takes out what is at a place. */
  takeKept(index: number): KeptMessage | undefined {
    const message =
      index === 0 ? this.kept.shift() : this.kept.splice(index, 1)[0];
    if (message === undefined) return undefined;
    this.keptBytes -= message.sizeBytes;
    const { endpoint } = this;
    // The peer's credit for what is kept goes with it.
    if (endpoint !== undefined && endpoint.keptMessages > this.kept.length)
      endpoint.keptMessages = this.kept.length;
    return message;
  }

  /** Takes out the oldest receive that wants a message of that tag. */
  takeWaiting(tag: TagHalves): Receive | undefined {
    const { waiting } = this;
    for (let index = 0; index < waiting.length; index++) {
      const receive = waiting[index];
      if (receive?.takes(tag) !== true) continue;
      if (index === 0) waiting.shift();
      else waiting.splice(index, 1);
      return receive;
    }
    return undefined;
  }
}
