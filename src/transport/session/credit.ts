/** How much each side may send: totals since the connection began, in bytes of data frames and in messages begun. */
import { WireMalformedError } from "../../wire/errors.ts";
import { CreditExceededError } from "../session_errors.ts";

/** What the peer has granted. One for each connection. */
export class SendCredit {
  /** What is left. */
  bytes = 0;
  messages = 0;
  #grantedBytes = 0;
  #grantedMessages = 0;

  /** New totals. @throws {WireMalformedError} when one of them goes down */
  grant(bytes: number, messages: number): void {
    if (bytes < this.#grantedBytes || messages < this.#grantedMessages)
      throw new WireMalformedError(
        `credit: given ${bytes} bytes and ${messages} messages, allowed at least ${this.#grantedBytes} and ${this.#grantedMessages}`,
      );
    this.bytes += bytes - this.#grantedBytes;
    this.messages += messages - this.#grantedMessages;
    this.#grantedBytes = bytes;
    this.#grantedMessages = messages;
  }

  /** Whether a frame may be sent. */
  allows(frameBytes: number, isBegin: boolean): boolean {
    return frameBytes <= this.bytes && (!isBegin || this.messages > 0);
  }

  /** A frame was sent. */
  take(frameBytes: number, isBegin: boolean): void {
    this.bytes -= frameBytes;
    if (isBegin) this.messages -= 1;
  }
}

/**
 * What this side grants. It outlives a connection: what handlers still have of the one before counts for the next one,
 * or a peer that comes back again and again could have as many at work as it likes.
 */
export class ReceiveCredit {
  readonly #windowBytes: number;
  readonly #windowMessages: number;
  #receivedBytes = 0;
  #receivedMessages = 0;
  #grantedBytes = 0;
  #grantedMessages = 0;
  /** What handlers have not finished with. */
  #heldBytes = 0;
  #heldMessages = 0;

  constructor(windowBytes: number, windowMessages: number) {
    this.#windowBytes = windowBytes;
    this.#windowMessages = windowMessages;
  }

  /** Messages that are being handled. */
  get heldMessages(): number {
    return this.#heldMessages;
  }

  /** A connection begins; gives what the hello says. */
  restart(): { readonly bytes: number; readonly messages: number } {
    this.#receivedBytes = 0;
    this.#receivedMessages = 0;
    this.#grantedBytes = 0;
    this.#grantedMessages = 0;
    return this.grant();
  }

  /** A data frame has come. @throws {CreditExceededError} when there was no credit for it */
  take(frameBytes: number, isBegin: boolean): void {
    this.#receivedBytes += frameBytes;
    if (isBegin) this.#receivedMessages += 1;
    if (
      this.#receivedBytes > this.#grantedBytes ||
      this.#receivedMessages > this.#grantedMessages
    )
      throw new CreditExceededError(
        `received ${this.#receivedBytes} bytes and ${this.#receivedMessages} messages, granted ${this.#grantedBytes} and ${this.#grantedMessages}`,
      );
  }

  /** A handler takes longer. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#heldMessages += 1;
  }

  /** It has finished. */
  release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#heldMessages -= 1;
  }

  /** Whether the peer should be told: at most half of what it may have is left to it. */
  get isDue(): boolean {
    const bytes = Math.max(0, this.#windowBytes - this.#heldBytes);
    const messages = Math.max(0, this.#windowMessages - this.#heldMessages);
    const leftBytes = this.#grantedBytes - this.#receivedBytes;
    const leftMessages = this.#grantedMessages - this.#receivedMessages;
    return (
      (bytes > leftBytes && leftBytes <= bytes / 2) ||
      (messages > leftMessages && leftMessages <= messages / 2)
    );
  }

  /** Grants as much as there is room for; gives the new totals. */
  grant(): { readonly bytes: number; readonly messages: number } {
    this.#grantedBytes = Math.max(
      this.#grantedBytes,
      this.#receivedBytes + this.#windowBytes - this.#heldBytes,
    );
    this.#grantedMessages = Math.max(
      this.#grantedMessages,
      this.#receivedMessages + this.#windowMessages - this.#heldMessages,
    );
    return { bytes: this.#grantedBytes, messages: this.#grantedMessages };
  }
}
