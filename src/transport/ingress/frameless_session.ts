/** What sessions without frames have in common: their state, their counters, and how they come to their host and leave it. */
import { CloseCode } from "../../wire/close_codes.ts";
import type { Connection } from "../adapter.ts";
import { TimedOutError, UnsupportedFeatureError } from "../errors.ts";
import type { IngressHost } from "../ingress.ts";
import type {
  IncomingMessage,
  MessageBody,
  MessageOptions,
  RequestOptions,
  SendOptions,
} from "../message.ts";
import type {
  Session,
  SessionEnd,
  SessionState,
  SessionStatistics,
} from "../session.ts";
import { SessionClosedError } from "../session_errors.ts";

const sendTimeoutMsDefault = 30_000;

/** A session without frames. */
export abstract class FramelessSession implements Session {
  readonly id: string;
  readonly metadata: Map<string, unknown> = new Map<string, unknown>();
  abstract readonly connection: Connection | undefined;
  peerName: string | undefined;
  protected readonly host: IngressHost;
  protected readonly counters = {
    messagesSent: 0,
    messagesReceived: 0,
    requestsSent: 0,
    requestsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    framesSent: 0,
    framesReceived: 0,
    dropped: 0,
    lateAnswers: 0,
  };
  protected roundTripMs: number | undefined;
  #state: SessionState = "opening";
  #isAdmitted = false;
  #end: SessionEnd | undefined;
  readonly #ended: Promise<SessionEnd>;
  #resolveEnded: (end: SessionEnd) => void = () => {};
  readonly #waiting = new Set<() => void>();
  readonly #openedAtMs = Date.now();
  #lastActivityAtMs = this.#openedAtMs;

  constructor(host: IngressHost) {
    this.host = host;
    this.id = host.newSessionId();
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Sends text of this many bytes, or says that there is no room. */
  protected abstract put(body: MessageBody, options: MessageOptions): boolean;
  /** Bytes that wait to be sent. */
  protected abstract get queuedBytes(): number;
  /** Our requests that wait, and those of the peer that are being handled. */
  protected get requestCounts(): readonly [pending: number, active: number] {
    return [0, 0];
  }
  /** Tells the peer and ends what carries it; `over` follows. */
  protected abstract finish(code: number, reason: string): void;
  /** Ends what carries it at once; `over` follows. */
  protected abstract cut(reason: string): void;

  /** Resolves when it has ended. */
  get ended(): Promise<SessionEnd> {
    return this.#ended;
  }

  get state(): SessionState {
    return this.#state;
  }

  get statistics(): SessionStatistics {
    const [pendingRequests, activeRequests] = this.requestCounts;
    return {
      ...this.counters,
      duplicates: 0,
      pendingRequests,
      activeRequests,
      queuedBytes: this.queuedBytes,
      resumptions: 0,
      roundTripMs: this.roundTripMs,
      openedAtMs: this.#openedAtMs,
      lastActivityAtMs: this.#lastActivityAtMs,
    };
  }

  /** Comes in. @throws {NotAdmittedError} */
  protected async enter(credentials: string | undefined): Promise<void> {
    await this.host.admit(this, credentials);
    this.#isAdmitted = true;
    if (this.#end !== undefined) this.host.left(this, this.#end);
    else if (this.#state === "opening") this.#state = "open";
  }

  /** Something came or went. */
  protected touched(): void {
    this.#lastActivityAtMs = Date.now();
  }

  /** It has ended. Only the first call counts. */
  protected over(
    by: SessionEnd["by"],
    code: number,
    reason: string,
    error?: Error,
  ): void {
    if (this.#end !== undefined) return;
    this.#state = "closed";
    this.#end = { code, reason, by, error, unconfirmed: 0 };
    this.roomAgain();
    if (this.#isAdmitted) this.host.left(this, this.#end);
    this.#resolveEnded(this.#end);
  }

  /** Those who wait for room may try again. */
  protected roomAgain(): void {
    for (const again of [...this.#waiting]) again();
  }

  /** @throws {SessionClosedError} */
  protected checkOpen(): void {
    if (this.#state === "open" || this.#state === "opening") return;
    const code = this.#end?.code ?? CloseCode.GoingAway;
    throw new SessionClosedError(`the session ${this.id} is over`, code);
  }

  trySend(body: MessageBody, options: MessageOptions = {}): boolean {
    this.checkOpen();
    const isTaken = this.#state === "open" && this.put(body, options);
    if (isTaken) this.counters.messagesSent += 1;
    return isTaken;
  }

  async send(body: MessageBody, options: SendOptions = {}): Promise<void> {
    const { signal, timeoutMs = sendTimeoutMsDefault } = options;
    signal?.throwIfAborted();
    const dueMs = performance.now() + timeoutMs;
    while (!this.trySend(body, options)) {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0) {
        this.counters.dropped += 1;
        throw new TimedOutError(
          `send: the peer of ${this.id} had no room within ${timeoutMs} ms`,
        );
      }
      await this.#room(leftMs, signal);
      signal?.throwIfAborted();
    }
  }

  #room(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const again = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", again);
        this.#waiting.delete(again);
        resolve();
      };
      const timer = setTimeout(again, timeoutMs);
      signal?.addEventListener("abort", again);
      this.#waiting.add(again);
    });
  }

  request(
    _body: MessageBody,
    _options?: RequestOptions,
  ): Promise<IncomingMessage> {
    return Promise.reject(
      new UnsupportedFeatureError(`the peer of ${this.id} answers nothing`),
    );
  }

  ping(_options?: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<number> {
    return Promise.reject(
      new UnsupportedFeatureError(`the peer of ${this.id} answers nothing`),
    );
  }

  drain(
    options: {
      readonly timeoutMs?: number;
      readonly reason?: string;
      readonly redirect?: string;
    } = {},
  ): Promise<SessionEnd> {
    return this.close(CloseCode.GoingAway, options.reason);
  }

  close(code: number = CloseCode.Normal, reason = ""): Promise<SessionEnd> {
    if (this.#state === "open" || this.#state === "opening") {
      this.#state = "draining";
      this.finish(code, reason);
    }
    return this.#ended;
  }

  abort(reason = "aborted"): void {
    if (this.#state !== "closed") this.cut(reason);
  }
}
