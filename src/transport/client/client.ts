/** A client over any protocol, which stays connected. */
import { deadlineMs } from "../../base/deadline.ts";
import { TypedEvents } from "../../base/events.ts";
import type {
  IncomingMessage,
  MessageBody,
  MessageOptions,
  RequestOptions,
  SendOptions,
} from "../message.ts";
import type {
  MessageListener,
  RequestListener,
  Session,
  SessionEnd,
  SessionState,
} from "../session.ts";
import { CloseCode } from "../../wire/close_codes.ts";
import { FateUnknownError, SessionClosedError } from "../session_errors.ts";
import { TransportClientBuilder } from "./builder.ts";
import type { ClientEvents } from "./events.ts";
import { Inbox } from "./inbox.ts";
import { Connector } from "./connector.ts";
import type { ClientOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { type ClientSettings, clientSettings } from "./settings.ts";
import type { ClientStatistics } from "./statistics.ts";

/** One client. Made by {@linkcode TransportClient.builder}, and connected until it is closed or gives up. */
export class TransportClient implements AsyncDisposable {
  readonly #settings: ClientSettings;
  readonly #events = new TypedEvents<ClientEvents>();
  readonly #connector: Connector;
  readonly #outbox: Outbox;
  #inbox: Inbox | undefined;
  #onMessage: MessageListener | undefined;

  private constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#connector = new Connector(settings, this.#events, {
      message: (message, session) => this.#take(message, session),
      opened: () => void this.#outbox.flush(),
      closed: (end) => this.#closed(end),
    });
    this.#outbox = new Outbox(
      settings.offlineBuffer,
      () => this.#connector.takingSession,
      (drop) => this.#events.emit("drop", drop),
    );
  }

  /** Where clients come from. */
  static builder(): TransportClientBuilder<TransportClient> {
    return new TransportClientBuilder((options) =>
      TransportClient.#start(options),
    );
  }

  static async #start(options: ClientOptions): Promise<TransportClient> {
    const client = new TransportClient(clientSettings(options));
    await client.#connector.start();
    return client;
  }

  /** Of the session; `away` while it is being connected again. */
  get state(): SessionState {
    return this.#connector.state;
  }

  /** The id that the server has given; another one after a session that was not resumed. */
  get sessionId(): string | undefined {
    return this.#connector.session?.id;
  }

  /** The session that there is now. */
  get session(): Session | undefined {
    return this.#connector.session;
  }

  /** The server's address; undefined without a connection. */
  get address(): string | undefined {
    return this.#connector.address;
  }

  /** What the server calls itself. */
  get serverName(): string | undefined {
    return this.#connector.session?.peerName;
  }

  /** Calls a function at each event of a name, until the function that this gives is called. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (value: ClientEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** Handles all messages; there is one such listener, and another takes its place. Without one, and without an iterator, messages are taken and forgotten. */
  onMessage(listener: MessageListener): this {
    this.#onMessage = listener;
    return this;
  }

  /** Answers the server's requests; there is one such listener, and another takes its place. */
  onRequest(listener: RequestListener): this {
    this.#connector.onRequest = listener;
    return this;
  }

  /**
   * Messages, one after the other, until the client is closed. What is not taken costs the server its credit, so that little
   * waits here. There is one iterator at a time, and `onMessage` gets nothing meanwhile.
   *
   * @throws {TypeError} when there is one already
   */
  messages(): AsyncIterableIterator<IncomingMessage, undefined> {
    if (this.#inbox !== undefined)
      throw new TypeError("messages: there is an iterator already");
    const inbox = new Inbox(() => {
      this.#inbox = undefined;
    });
    this.#inbox = inbox;
    if (this.#connector.state === "closed") inbox.end();
    return inbox;
  }

  /** The same as a stream. */
  readable(): ReadableStream<IncomingMessage> {
    const messages = this.messages();
    return new ReadableStream(
      {
        async pull(controller) {
          const { done, value } = await messages.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await messages.return?.();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** A stream that sends what is written into it. Closing it does not close the client. */
  writable(options?: SendOptions): WritableStream<MessageBody> {
    return new WritableStream({
      write: (body) => this.send(body, options),
    });
  }

  /**
   * Sends a message if that can be done now, or kept until there is a connection; without a promise.
   *
   * @returns false when there is no room for it
   * @throws {SessionClosedError | ReconnectFailedError} when the client is closed or has given up
   * @throws {WireTooLargeError} when the server takes no message of that size
   */
  trySend(body: MessageBody, options?: MessageOptions): boolean {
    return this.#outbox.trySend(body, options);
  }

  /**
   * Sends a message. Resolves when its bytes were taken under the server's credit, which may be after a reconnect.
   *
   * @throws {TimedOutError | SessionClosedError | ReconnectFailedError | OfflineBufferFullError | WireTooLargeError} or the signal's reason
   */
  async send(body: MessageBody, options?: SendOptions): Promise<void> {
    await this.#outbox.send(body, options);
  }

  /**
   * Sends a message and waits for the answer. Without a connection it waits for one. When the session is lost meanwhile,
   * it is sent again if there is an `idempotencyKey`; otherwise nobody knows whether it was handled.
   *
   * @throws {RemoteError} what the server's handler says
   * @throws {NoResponderError} when nobody there answers requests
   * @throws {FateUnknownError} when the session was lost before the answer came
   * @throws {TimedOutError | SessionClosedError | ReconnectFailedError | WireTooLargeError} or the signal's reason
   */
  request(
    body: MessageBody,
    options?: RequestOptions,
  ): Promise<IncomingMessage> {
    // What is sent at most once needs no second promise around it.
    if (options === undefined) {
      try {
        const session = this.#connector.takingSession;
        if (session !== undefined) return session.request(body);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#requestUntilKnown(body, options ?? {});
  }

  /** Waits for a connection, and for another one when a request that may be sent twice has lost its own. */
  async #requestUntilKnown(
    body: MessageBody,
    options: RequestOptions,
  ): Promise<IncomingMessage> {
    const { timeoutMs = this.#settings.requestTimeoutMs } = options;
    const dueMs = deadlineMs(timeoutMs);
    for (;;) {
      const session =
        this.#connector.takingSession ??
        (await this.#connector.whenOpen(dueMs, options.signal));
      try {
        return await session.request(body, {
          ...options,
          timeoutMs: Math.max(0, dueMs - performance.now()),
        });
      } catch (error) {
        const wasLost =
          error instanceof FateUnknownError ||
          (error instanceof SessionClosedError && session.state === "closed");
        if (
          !wasLost ||
          options.idempotencyKey === undefined ||
          this.#connector.state === "closed"
        )
          throw error;
      }
    }
  }

  /** A round trip, in milliseconds. @throws {TimedOutError} @throws {SessionClosedError} */
  async ping(
    options: {
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<number> {
    const session =
      this.#connector.takingSession ??
      (await this.#connector.whenOpen(
        deadlineMs(options.timeoutMs ?? this.#settings.requestTimeoutMs),
        options.signal,
      ));
    return await session.ping(options);
  }

  /** Connects again after `close`, or at once instead of after a pause. @throws what `build` throws */
  async connect(): Promise<void> {
    await this.#connector.start();
    this.#outbox.reopen();
  }

  /** Counters, as they stand at the moment of the call. */
  get statistics(): ClientStatistics {
    const totals = this.#connector.totals;
    return {
      ...totals,
      dropped: totals.dropped + this.#outbox.dropped,
      state: this.#connector.state,
      address: this.#connector.address,
      offlineMessages: this.#outbox.count,
      offlineBytes: this.#outbox.sizeBytes,
      connections: this.#connector.connections,
      resumptions: this.#connector.resumptions,
      roundTripMs: this.#connector.session?.statistics.roundTripMs,
    };
  }

  /** Sends what waits, says goodbye, lets what was accepted be handled and answered, and closes: at the latest after `timeoutMs`. */
  async drain(
    options: { readonly timeoutMs?: number; readonly reason?: string } = {},
  ): Promise<SessionEnd> {
    return await this.#connector.drain(options);
  }

  /** Closes with a goodbye. Idempotent; what waits for a connection is dropped. */
  async close(
    code: number = CloseCode.Normal,
    reason = "",
  ): Promise<SessionEnd> {
    return await this.#connector.close(code, reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(message: IncomingMessage, session: Session): void | Promise<void> {
    if (this.#inbox !== undefined) return this.#inbox.put(message);
    return this.#onMessage?.(message, session);
  }

  #closed(end: SessionEnd): void {
    this.#outbox.close(this.#connector.closedError());
    this.#inbox?.end();
    this.#events.emit("close", end);
  }
}
