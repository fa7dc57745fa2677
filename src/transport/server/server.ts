/** A server over any number of protocols at once. */
import { CloseCode } from "../../wire/close_codes.ts";
import type { Listener } from "../adapter.ts";
import type {
  IncomingMessage,
  MessageBody,
  MessageOptions,
  RequestOptions,
  SendOptions,
} from "../message.ts";
import type { MessageListener, RequestListener, Session } from "../session.ts";
import {
  Broadcaster,
  type BroadcastOptions,
  type BroadcastResult,
} from "./broadcast.ts";
import { TransportServerBuilder } from "./builder.ts";
import type { ServerEvents } from "./events.ts";
import { type DrainResult, FrontDoor } from "./front_door.ts";
import type { ServerOptions } from "./options.ts";
import { type ServerSettings, serverSettings } from "./settings.ts";
import type { ServerStatistics } from "./statistics.ts";

/** Options of `drain`. */
export interface DrainOptions {
  /** How long handlers may take for what they are doing, in milliseconds. @default 25000 */
  readonly timeoutMs?: number | undefined;
  /** Told to clients. @default "the server stops" */
  readonly reason?: string | undefined;
  /** Where clients may go instead, as a URL. */
  readonly redirect?: string | undefined;
}

/** One server. Made by {@linkcode TransportServer.builder}, and listening until it is closed. */
export class TransportServer implements AsyncDisposable {
  readonly #settings: ServerSettings;
  readonly #door: FrontDoor;
  readonly #broadcaster: Broadcaster;
  readonly #startedAtMs = Date.now();
  #listeners: readonly Listener[] = [];
  #closing: Promise<void> | undefined;

  private constructor(settings: ServerSettings) {
    this.#settings = settings;
    this.#door = new FrontDoor(settings);
    this.#broadcaster = new Broadcaster(this.#door.hub, settings);
  }

  /** Where servers come from. */
  static builder(): TransportServerBuilder<TransportServer> {
    return new TransportServerBuilder((options) =>
      TransportServer.#start(options),
    );
  }

  static async #start(options: ServerOptions): Promise<TransportServer> {
    const settings = serverSettings(options);
    const server = new TransportServer(settings);
    if (settings.onMessage !== undefined) server.onMessage(settings.onMessage);
    if (settings.onRequest !== undefined) server.onRequest(settings.onRequest);
    server.#listeners = await server.#door.listen();
    return server;
  }

  /** Where it listens, as URLs with the ports that it got, in the order of `withProtocol`. */
  get addresses(): readonly string[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** What clients are told. */
  get nodeName(): string | undefined {
    return this.#settings.nodeName;
  }

  /** Sessions, connected or away. */
  get sessions(): IterableIterator<Session> {
    return this.#door.hub.sessions.values();
  }

  /** How many of them there are. */
  get sessionCount(): number {
    return this.#door.hub.sessions.size;
  }

  /** A session by its id. */
  session(sessionId: string): Session | undefined {
    return this.#door.hub.sessions.get(sessionId);
  }

  /** Handles all messages; there is one such listener, and another takes its place. Without one, messages are taken and forgotten. */
  onMessage(listener: MessageListener): this {
    this.#door.hub.onMessage = listener;
    return this;
  }

  /** Answers all requests; there is one such listener, and another takes its place. Without one, requesters get a `NoResponderError`. */
  onRequest(listener: RequestListener): this {
    this.#door.hub.onRequest = listener;
    return this;
  }

  /** Calls a function at each event of a name, until the function that this gives is called. */
  on<Name extends keyof ServerEvents>(
    name: Name,
    listener: (value: ServerEvents[Name]) => void,
  ): () => void {
    return this.#door.hub.events.on(name, listener);
  }

  /**
   * Sends a message to a session; see `Session.send`.
   *
   * @throws {UnknownSessionError} when there is none with that id
   */
  async send(
    sessionId: string,
    body: MessageBody,
    options?: SendOptions,
  ): Promise<void> {
    await this.#door.hub.session(sessionId).send(body, options);
  }

  /**
   * Sends a message to a session if that can be done now; see `Session.trySend`.
   *
   * @throws {UnknownSessionError} when there is none with that id
   */
  trySend(
    sessionId: string,
    body: MessageBody,
    options?: MessageOptions,
  ): boolean {
    return this.#door.hub.session(sessionId).trySend(body, options);
  }

  /**
   * Asks a client; see `Session.request`.
   *
   * @throws {UnknownSessionError} when there is none with that id
   */
  async request(
    sessionId: string,
    body: MessageBody,
    options?: RequestOptions,
  ): Promise<IncomingMessage> {
    return await this.#door.hub.session(sessionId).request(body, options);
  }

  /**
   * Puts a session into a room.
   *
   * @returns false when it is there already
   * @throws {UnknownSessionError} when there is none with that id
   * @throws {RangeError} when it is in as many rooms as it may be
   * @throws {TypeError} when that is no name of a room
   */
  join(sessionId: string, room: string): boolean {
    return this.#door.hub.rooms.join(
      this.#door.hub.session(sessionId).id,
      room,
    );
  }

  /** Takes a session out of a room. @returns false when it was not there */
  leave(sessionId: string, room: string): boolean {
    return this.#door.hub.rooms.leave(sessionId, room);
  }

  /** The rooms that a session is in. */
  roomsOf(sessionId: string): readonly string[] {
    return this.#door.hub.rooms.roomsOf(sessionId);
  }

  /** The ids of the sessions in a room. */
  members(room: string): readonly string[] {
    return this.#door.hub.rooms.members(room);
  }

  /** The rooms with somebody in them. */
  get rooms(): readonly string[] {
    return this.#door.hub.rooms.names;
  }

  /**
   * Sends a message to everybody, or to those in rooms; it is encoded once, and whoever has no room for it does not get it
   * (events `drop` and `slowConsumer`).
   */
  broadcast(body: MessageBody, options?: BroadcastOptions): BroadcastResult {
    return this.#broadcaster.send(body, options);
  }

  /** Ends a session with the code 4008. @returns false when there is none with that id */
  kick(sessionId: string, reason = "ended by an operator"): boolean {
    const session = this.session(sessionId);
    if (session === undefined) return false;
    void session.close(CloseCode.Kicked, reason);
    return true;
  }

  /** Counters, as they stand at the moment of the call. */
  get statistics(): ServerStatistics {
    const { hub, connectionCount, awayCount, resumed } = this.#door;
    const totals = hub.totals.sum(hub.sessions.values());
    return {
      ...totals,
      dropped: totals.dropped + this.#broadcaster.dropped,
      connections: connectionCount,
      maxConnections: this.#settings.maxConnections,
      sessions: hub.sessions.size,
      awaySessions: awayCount,
      sessionsBegun: hub.begun,
      sessionsEnded: hub.ended,
      sessionsResumed: resumed,
      refused: hub.refused,
      broadcasts: this.#broadcaster.broadcasts,
      rooms: hub.rooms.names.length,
      startedAtMs: this.#startedAtMs,
      listeners: Object.fromEntries(
        this.#listeners.map(({ address, statistics }) => [address, statistics]),
      ),
    };
  }

  /**
   * Stops listening, says goodbye to all, lets what was accepted be handled and answered, and closes: at the latest after
   * `timeoutMs`, when the rest is cut off.
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    const {
      timeoutMs = 25_000,
      reason = "the server stops",
      redirect,
    } = options;
    this.#door.hub.isClosing = true;
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    const result = await this.#door.drain({ timeoutMs, reason, redirect });
    await this.close();
    return result;
  }

  /** Stops listening and ends all sessions with a goodbye. Idempotent, bounded by `closeTimeoutMs`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#door.hub.isClosing = true;
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    await this.#door.close();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
