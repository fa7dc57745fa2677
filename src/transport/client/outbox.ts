/** What a client sends: at once while it is connected, and later, in the same order, while it is not. */
import { clearTimeout, setTimeout } from "node:timers";
import { deadlineMs, throwIfAborted } from "../../base/deadline.ts";
import { encodeBody } from "../encoded_body.ts";
import { TimedOutError } from "../errors.ts";
import type { MessageBody, MessageOptions, SendOptions } from "../message.ts";
import type { Session } from "../session.ts";
import { OfflineBufferFullError } from "./errors.ts";
import type { ClientDrop } from "./events.ts";
import { OfflineBuffer, type WaitingMessage } from "./offline_buffer.ts";

/** What each message counts besides its payload. */
const messageOverheadBytes = 64;
const sendTimeoutMsDefault = 30_000;

interface Waiting extends WaitingMessage {
  readonly payload: Uint8Array;
  readonly options: MessageOptions;
  sent(): void;
}

/** The outgoing side of one client. */
export class Outbox {
  readonly #buffer: OfflineBuffer<Waiting>;
  readonly #openSession: () => Session | undefined;
  readonly #onDrop: (drop: ClientDrop) => void;
  #flushing = false;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  /** Why nothing can be sent any more. */
  #over: Error | undefined;
  /** Messages given up. */
  dropped = 0;

  /** @param openSession the session, if it can take messages; throws when there will be none any more */
  constructor(
    bounds: { readonly maxBytes: number; readonly maxAgeMs: number },
    openSession: () => Session | undefined,
    onDrop: (drop: ClientDrop) => void,
  ) {
    this.#buffer = new OfflineBuffer(bounds);
    this.#openSession = openSession;
    this.#onDrop = onDrop;
  }

  /** Messages that wait for a connection. */
  get count(): number {
    return this.#buffer.count;
  }

  /** Bytes that wait for a connection. */
  get sizeBytes(): number {
    return this.#buffer.sizeBytes;
  }

  /** Sends now, or keeps it for later. @returns false when there is no room */
  trySend(body: MessageBody, options?: MessageOptions): boolean {
    if (this.#over !== undefined) throw this.#over;
    const session = this.#directly();
    // Options that are none at all would take the session's hot path away.
    if (session !== undefined) return session.trySend(body, options);
    return this.#keep(body, options ?? {}, () => undefined) !== undefined;
  }

  /** Sends, now or later. */
  async send(body: MessageBody, options: SendOptions = {}): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    const session = this.#directly();
    if (session !== undefined) await session.send(body, options);
    else await this.#later(body, options);
  }

  /** Sends what has waited; called when there is a connection. */
  async flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (;;) {
        this.#expire();
        const session = this.#openSession();
        const message = this.#buffer.peek();
        if (session === undefined || message === undefined) return;
        if (session.trySend(message.payload, message.options)) {
          this.#buffer.shift();
          message.sent();
          continue;
        }
        // No room: as long as a round trip takes, or until the connection is lost.
        await session.ping({ timeoutMs: 10_000 });
      }
    } catch {
      // The connection is lost, or the peer is stuck; what waits is sent over the next one, or gets too old.
    } finally {
      this.#flushing = false;
    }
  }

  /** Gives up what waits, and refuses everything from now on. */
  close(reason: Error): void {
    this.#over ??= reason;
    clearTimeout(this.#expiry);
    this.#giveUp(this.#buffer.clear(), reason, "closed");
  }

  /** Takes messages again. */
  reopen(): void {
    this.#over = undefined;
  }

  /** The session, when nothing waits that must go before. */
  #directly(): Session | undefined {
    return this.#buffer.count === 0 ? this.#openSession() : undefined;
  }

  #later(body: MessageBody, options: SendOptions): Promise<void> {
    const { timeoutMs = sendTimeoutMsDefault, signal, ...message } = options;
    deadlineMs(timeoutMs);
    throwIfAborted(signal);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const takeBack = (reason: unknown): void => {
        settle();
        if (waiting !== undefined) this.#buffer.remove(waiting);
        reject(reason);
      };
      const onAbort = (): void => takeBack(signal?.reason);
      const timer = setTimeout(
        () =>
          takeBack(
            new TimedOutError(`there was no connection within ${timeoutMs} ms`),
          ),
        Math.min(timeoutMs, 2 ** 31 - 1),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      const waiting = this.#keep(
        body,
        message,
        () => {
          settle();
          resolve();
        },
        (error) => {
          settle();
          reject(error);
        },
      );
      if (waiting === undefined)
        takeBack(
          new OfflineBufferFullError(
            `there is no connection, and ${this.#buffer.sizeBytes} bytes wait for one, allowed at most ${this.#buffer.maxBytes}`,
          ),
        );
    });
  }

  #keep(
    body: MessageBody,
    options: MessageOptions,
    sent: () => void,
    dropped: (error: Error) => void = () => undefined,
  ): Waiting | undefined {
    const encoded = encodeBody(body, options);
    const waiting: Waiting = {
      // The caller may use its memory again.
      payload: body instanceof Uint8Array ? body.slice() : encoded.payload,
      options: encoded.options,
      sizeBytes: encoded.payload.length + messageOverheadBytes,
      sent,
      dropped,
    };
    this.#expire();
    if (!this.#buffer.push(waiting)) return undefined;
    this.#watch();
    return waiting;
  }

  /** A timer for the oldest message. */
  #watch(): void {
    if (this.#expiry !== undefined || this.#buffer.count === 0) return;
    const delayMs = Math.max(1, this.#buffer.dueMs - performance.now());
    this.#expiry = setTimeout(
      () => {
        this.#expiry = undefined;
        this.#expire();
        this.#watch();
      },
      Math.min(delayMs, 2 ** 31 - 1),
    );
  }

  #expire(): void {
    this.#giveUp(
      this.#buffer.expire(),
      new TimedOutError(
        `there was no connection within ${this.#buffer.maxAgeMs} ms`,
      ),
      "too old",
    );
  }

  #giveUp(
    messages: readonly Waiting[],
    error: Error,
    reason: ClientDrop["reason"],
  ): void {
    if (messages.length === 0) return;
    let bytes = 0;
    for (const message of messages) {
      bytes += message.payload.length;
      message.dropped(error);
    }
    this.dropped += messages.length;
    this.#onDrop({ messages: messages.length, bytes, reason });
  }
}
