/** A listener over HTTP: messages as server-sent events, one way. */
import { Buffer } from "node:buffer";
import { CloseCode } from "../../../wire/close_codes.ts";
import { FrameKind } from "../../../wire/kinds.ts";
import type { IngressHost } from "../../ingress.ts";
import type { MessageBody, MessageOptions } from "../../message.ts";
import { FramelessSession } from "../frameless_session.ts";
import { textOfMessage } from "../text_form.ts";

/** Bounds of a stream of events. */
export interface EventStreamOptions {
  /** Bytes that may wait to be read; an event that is longer waits alone. */
  readonly queueBytes: number;
  /** How long a client that does not read is waited for while that much waits, and at the end. */
  readonly stallTimeoutMs: number;
  /** How often something is sent, so that those between do not take it for dead. */
  readonly keepAliveMs: number;
}

/** A session that listens. */
export class EventStreamSession extends FramelessSession {
  readonly connection = undefined;
  /** The body of the answer. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** The reader wants more than there is. */
  #wake: (() => void) | undefined;
  #nextId = 1;
  #ending: { readonly code: number; readonly reason: string } | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #keepAlive: ReturnType<typeof setInterval>;

  constructor(host: IngressHost, options: EventStreamOptions) {
    super(host);
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.gone(),
      },
      { highWaterMark: 0 },
    );
    this.#keepAlive = setInterval(() => {
      if (this.#waiting.length === 0) this.#write(":\n\n");
    }, options.keepAliveMs);
  }

  /** Comes in and says hello. @throws {NotAdmittedError} */
  async begin(credentials: string | undefined): Promise<void> {
    try {
      await this.enter(credentials);
    } catch (error) {
      this.#stop();
      throw error;
    }
    const hello = JSON.stringify({
      type: "hello",
      version: 1,
      sessionId: this.id,
      nodeName: this.host.nodeName,
    });
    this.#write(`retry: 2000\nevent: hello\ndata: ${hello}\n\n`);
  }

  /** The client has gone. */
  gone(): void {
    this.#stop();
    const { code, reason } = this.#ending ?? {
      code: CloseCode.GoingAway,
      reason: "the listener has gone",
    };
    this.over(this.#ending === undefined ? "peer" : "us", code, reason);
  }

  protected get queuedBytes(): number {
    return this.#waitingBytes;
  }

  protected put(body: MessageBody, options: MessageOptions): boolean {
    const id = this.#nextId;
    const text = textOfMessage(FrameKind.Message, id, body, options, undefined);
    if (!this.#write(`id: ${id}\nevent: message\ndata: ${text}\n\n`))
      return false;
    this.#nextId += 1;
    this.counters.bytesSent += text.length;
    return true;
  }

  #write(event: string): boolean {
    const bytes = Buffer.from(event);
    const { queueBytes, stallTimeoutMs } = this.#options;
    if (
      this.#waitingBytes > 0 &&
      this.#waitingBytes + bytes.length > queueBytes
    ) {
      this.#stallTimer ??= setTimeout(
        () => void this.close(CloseCode.TryAgainLater, "too much waits"),
        stallTimeoutMs,
      );
      return false;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.touched();
    this.#wake?.();
    return true;
  }

  /** The runtime has room: everything that waits goes at once, in one piece. */
  async #pull(): Promise<void> {
    if (this.#waiting.length === 0) {
      if (this.#ending !== undefined) {
        this.#closeBody();
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
      // More of this tick may follow.
      await Promise.resolve();
    }
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#ending === undefined) {
      clearTimeout(this.#stallTimer);
      this.#stallTimer = undefined;
    }
    if (bytes.length > 0) this.#controller?.enqueue(bytes);
    if (this.#ending !== undefined) this.#closeBody();
    else this.roomAgain();
  }

  #closeBody(): void {
    try {
      this.#controller?.close();
    } catch {
      // It was closed or cancelled meanwhile.
    }
    this.gone();
  }

  protected finish(code: number, reason: string): void {
    this.#ending = { code, reason };
    const goodbye = JSON.stringify({ type: "goodbye", code, reason });
    if (code !== CloseCode.TryAgainLater) {
      const bytes = Buffer.from(`event: goodbye\ndata: ${goodbye}\n\n`);
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      clearTimeout(this.#stallTimer);
      this.#stallTimer = setTimeout(
        () => this.cut(reason),
        this.#options.stallTimeoutMs,
      );
      this.#wake?.();
    } else this.cut(reason);
  }

  protected cut(reason: string): void {
    this.#ending ??= { code: CloseCode.GoingAway, reason };
    this.#waiting = [];
    // Ended, not failed: Deno would print a failure.
    this.#closeBody();
  }

  #stop(): void {
    clearInterval(this.#keepAlive);
    clearTimeout(this.#stallTimer);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wake?.();
  }
}
