/** `upstream:URL,URL,…`: messages and requests go to other servers in turn; one that cannot be reached is passed over. */
import { RingwireError } from "../base/errors.ts";
import {
  type IncomingMessage,
  type IncomingRequest,
  type MessageOptions,
  Reply,
  type RequestOptions,
  type SendOptions,
} from "../transport/message.ts";
import { NoResponderError, RemoteError } from "../transport/session_errors.ts";
import { remainingMs, type RouteTarget } from "./route_target.ts";

/** A connection to another server, as far as this target knows of it. */
export interface Upstream {
  /** Whether it can be used; false once it is lost. */
  readonly isOpen: boolean;
  send(body: Uint8Array, options: SendOptions): Promise<void>;
  request(body: Uint8Array, options: RequestOptions): Promise<IncomingMessage>;
  close(): Promise<unknown>;
}

/** Connects to another server. @throws when it cannot be reached */
export type UpstreamConnector = (url: string) => Promise<Upstream>;

/** Servers that refused are left alone for so long, unless there is no other. */
const restMs = 1000;

/** One other server. */
class Server {
  readonly url: string;
  readonly #connect: UpstreamConnector;
  #upstream: Promise<Upstream> | undefined;
  /** On the clock of `performance.now()`. */
  restingUntilMs = 0;

  constructor(url: string, connect: UpstreamConnector) {
    this.url = url;
    this.#connect = connect;
  }

  /** The connection that there is, or a new one. @throws why there is none */
  async reach(): Promise<Upstream> {
    const known = this.#upstream;
    if (known !== undefined) {
      const upstream = await known;
      if (upstream.isOpen) return upstream;
      // Somebody else may have begun a new one meanwhile.
      if (this.#upstream === known) this.#upstream = undefined;
      return await this.reach();
    }
    const made = this.#connect(this.url);
    this.#upstream = made;
    try {
      const upstream = await made;
      this.restingUntilMs = 0;
      return upstream;
    } catch (error) {
      if (this.#upstream === made) this.#upstream = undefined;
      this.restingUntilMs = performance.now() + restMs;
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await (await this.#upstream)?.close();
    } catch {
      // It was never reached.
    }
  }
}

function optionsOf(message: IncomingMessage): MessageOptions {
  const { user, loadReport: _, deadlineMs: __, ...known } = message.headers;
  return {
    ...known,
    headers: user,
    tag: message.tag,
    priority: message.priority,
  };
}

/** What the requester is told; by themselves, other errors are nobody's business but ours. */
function failureOf(error: unknown): unknown {
  const isToldAsItIs =
    error instanceof RemoteError ||
    error instanceof NoResponderError ||
    !(error instanceof RingwireError);
  return isToldAsItIs
    ? error
    : new RemoteError(error.code, error.message, {
        retryable: error.retryable,
        cause: error,
      });
}

function answerOf(answer: IncomingMessage): Reply {
  return new Reply(answer.payload, optionsOf(answer));
}

/** Plain round robin over other servers, with one connection to each. */
export class UpstreamTarget implements RouteTarget {
  readonly #servers: readonly Server[];
  #next = 0;

  /** @param urls at least one */
  constructor(urls: readonly string[], connect: UpstreamConnector) {
    this.#servers = urls.map((url) => new Server(url, connect));
  }

  /** @throws {RemoteError} code `Unreachable` when none of them can be reached */
  async message(message: IncomingMessage): Promise<void> {
    const upstream = await this.#reachNext();
    await upstream.send(message.payload, optionsOf(message));
  }

  /**
   * @throws {RemoteError} what the other server says, code `Unreachable` when none of them can be reached, code
   * `FateUnknown` when a server was lost with the request
   * @throws {NoResponderError} when nobody there answers
   */
  async request(request: IncomingRequest): Promise<Reply> {
    const upstream = await this.#reachNext();
    try {
      const answer = await upstream.request(request.payload, {
        ...optionsOf(request),
        timeoutMs: remainingMs(request),
        signal: request.signal,
      });
      return answerOf(answer);
    } catch (error) {
      throw failureOf(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** The next one in turn; what cannot be reached is passed over, and what refused just now comes last. */
  async #reachNext(): Promise<Upstream> {
    const count = this.#servers.length;
    const start = this.#next++ % count;
    const inTurn = this.#servers.map(
      (_, index) => this.#servers[(start + index) % count] as Server,
    );
    const nowMs = performance.now();
    const resting = inTurn.filter((server) => server.restingUntilMs > nowMs);
    const rested = inTurn.filter((server) => server.restingUntilMs <= nowMs);
    let last: unknown;
    for (const server of [...rested, ...resting]) {
      try {
        return await server.reach();
      } catch (error) {
        last = error;
      }
    }
    throw new RemoteError(
      "Unreachable",
      `none of ${count} servers can be reached: ${last instanceof RingwireError ? last.code : String(last)}`,
      { retryable: true, cause: last },
    );
  }
}
