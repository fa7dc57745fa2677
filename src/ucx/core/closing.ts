/**
 * How connections end: goodbye and farewell, UCX's own close, deadlines, and what becomes of messages that nobody
 * received. Each connection that was open ends once, whoever begins it.
 */
import type { Handle } from "../../../ffi/host.ts";
import {
  type UcxError,
  UcxTimeoutError,
  UcxUnexpectedOverflowError,
} from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import type { ControlMessage } from "./control_messages.ts";
import type { CloseInfo, Endpoint } from "./endpoint.ts";
import type { EndpointTable } from "./endpoint_table.ts";
import type { NativeWorker } from "./native_worker.ts";
import type { Requests } from "./requests.ts";

/** What the worker wants to hear. */
export interface ConnectionHooks {
  onOpen(endpoint: Endpoint): void;
  onClose(endpoint: Endpoint, info: CloseInfo): void;
  /** Something went wrong that concerns no call: a hook that threw, a message that was no control message. */
  onError(error: Error): void;
}

/** What it needs of the worker. */
export interface ClosingContext {
  readonly native: NativeWorker;
  readonly requests: Requests;
  readonly config: ResolvedWorkerConfig;
  readonly hooks: ConnectionHooks;
  readonly table: EndpointTable;
  sendControl(endpoint: Endpoint, message: ControlMessage): void;
  /** Whether something has come of a connection that nobody received. */
  hasUnread(endpoint: Endpoint): boolean;
  /** Throws away what nobody received of a connection. */
  forgetMessages(endpoint: Endpoint): void;
}

/** Ends connections of one worker. */
export class Closing {
  readonly #context: ClosingContext;
  /** The earliest deadline of all connections. */
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(context: ClosingContext) {
    this.#context = context;
  }

  /** The peer will send no more and wants to close. What it sent can be received as long as we like. */
  onGoodbye(
    endpoint: Endpoint,
    goodbye: {
      readonly messagesSent: number;
      readonly streamBytesSent: number;
    },
  ): void {
    endpoint.goodbye = goodbye;
    this.#context.sendControl(endpoint, {
      kind: "farewell",
      receiverId: endpoint.peerWireId,
      messagesSent: endpoint.sent,
      streamBytesSent: endpoint.streamSent,
    });
    if (endpoint.state === "leaving") return;
    endpoint.state = "left";
    // The peer closes now; should it be stopped or cut off in between, we do not wait for ever.
    endpoint.deadlineMs =
      performance.now() +
      Math.max(1000, 4 * this.#context.config.closeTimeoutMs);
    this.noteDeadline(endpoint.deadlineMs);
    notify(endpoint.stateListeners, endpoint);
    notify(endpoint.creditListeners, endpoint);
  }

  /**
   * Begins to close: goodbye, what is on its way, then UCX's own close; cut off after `timeoutMs`.
   *
   * @param timeoutMs 0 cuts off at once
   */
  close(endpoint: Endpoint, timeoutMs: number): void {
    if (endpoint.state === "closed") return;
    if (endpoint.state === "left" || endpoint.state === "connecting") {
      this.end(endpoint, undefined);
      return;
    }
    if (timeoutMs <= 0) {
      this.end(endpoint, undefined);
      return;
    }
    const deadlineMs = performance.now() + timeoutMs;
    endpoint.deadlineMs = Math.min(endpoint.deadlineMs, deadlineMs);
    this.noteDeadline(endpoint.deadlineMs);
    if (endpoint.state === "leaving") return;
    endpoint.state = "leaving";
    this.#context.sendControl(endpoint, {
      kind: "goodbye",
      receiverId: endpoint.peerWireId,
      messagesSent: endpoint.sent,
      streamBytesSent: endpoint.streamSent,
    });
    if (endpoint.raw) endpoint.farewell = true;
    const request = this.#context.native.functions.ucp_ep_flush_nbx(
      endpoint.handle,
      this.#context.native.params.plain,
    );
    if (request < 0) {
      this.end(endpoint, statusError("flush", Number(request), endpoint.id));
      return;
    }
    endpoint.flushed = !request;
    if (request)
      this.#context.requests.add("plain", request, undefined).onDone = () => {
        endpoint.flushed = true;
        this.closeWhenDone(endpoint);
      };
    notify(endpoint.stateListeners, endpoint);
    this.closeWhenDone(endpoint);
  }

  /** Everything that was sent has arrived: the transports may be let go. */
  closeWhenDone(endpoint: Endpoint): void {
    if (endpoint.state !== "leaving" || endpoint.closing) return;
    if (!endpoint.farewell || !endpoint.flushed) return;
    endpoint.closing = true;
    const request = this.#context.native.functions.ucp_ep_close_nbx(
      this.#context.table.takeHandle(endpoint),
      this.#context.native.params.plain,
    );
    if (request > 0)
      this.#context.requests.add("plain", request, undefined).onDone = () =>
        this.#ended(endpoint, true);
    else this.#ended(endpoint, true);
  }

  /** A peer that keeps more unread than may be kept. */
  overflow(endpoint: Endpoint): void {
    this.end(
      endpoint,
      new UcxUnexpectedOverflowError(
        `endpoint ${endpoint.id}: its messages of other tags fill the ${this.#context.config.spillBytes} bytes that may be kept aside (spillBytes)`,
        { endpointId: endpoint.id },
      ),
    );
  }

  /** Lets go of UCX's endpoint, at once. */
  end(endpoint: Endpoint, error: UcxError | undefined): void {
    if (endpoint.state === "closed") return;
    const handle: Handle = this.#context.table.takeHandle(endpoint);
    if (handle) {
      const request = this.#context.native.functions.ucp_ep_close_nbx(
        handle,
        this.#context.native.params.force,
      );
      if (request > 0) this.#context.requests.add("plain", request, undefined);
    }
    endpoint.failure = error;
    this.#ended(endpoint, endpoint.goodbye !== undefined);
  }

  /** The one place where a connection becomes closed. */
  #ended(endpoint: Endpoint, orderly: boolean): void {
    if (endpoint.state === "closed") return;
    const by = endpoint.state === "leaving" ? "us" : "peer";
    const wasOpen = endpoint.state !== "connecting";
    endpoint.state = "closed";
    endpoint.deadlineMs = Number.POSITIVE_INFINITY;
    const tooMany = this.#context.table.close(endpoint);
    // Receives that wait for this connection alone would wait for ever.
    for (const operation of this.#context.requests.list())
      if (operation.endpoint === endpoint && operation.kind === "tagReceive")
        this.#context.requests.cancel(operation);
    if (wasOpen)
      this.#guard(() =>
        this.#context.hooks.onClose(endpoint, {
          endpointId: endpoint.id,
          by,
          orderly: orderly && endpoint.failure === undefined,
          error: endpoint.failure,
          messagesSentByPeer: endpoint.goodbye?.messagesSent,
          messagesReceived: endpoint.received,
        }),
      );
    notify(endpoint.stateListeners, endpoint);
    notify(endpoint.creditListeners, endpoint);
    if (!wasOpen || by === "us") this.forget(endpoint);
    else this.forgetIfEmpty(endpoint);
    if (tooMany !== undefined) this.forget(tooMany);
  }

  /** Lets a closed connection go when everything that has come of it was received. */
  forgetIfEmpty(endpoint: Endpoint): void {
    if (!this.#context.hasUnread(endpoint)) this.forget(endpoint);
  }

  /** Lets a closed connection go for good: what was not received of it is thrown away, and counted. */
  forget(endpoint: Endpoint): void {
    if (endpoint.state !== "closed") return;
    if (this.#context.table.get(endpoint.id) !== endpoint) return;
    this.#context.forgetMessages(endpoint);
    this.#context.table.forget(endpoint);
  }

  /** `checkDeadlines` has something to do then. */
  noteDeadline(deadlineMs: number): void {
    this.#deadlineMs = Math.min(this.#deadlineMs, deadlineMs);
  }

  /** The next instant at which `checkDeadlines` has something to do. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Ends what has taken too long. */
  checkDeadlines(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    for (const endpoint of [...this.#context.table.list()]) {
      if (endpoint.deadlineMs > nowMs) {
        this.noteDeadline(endpoint.deadlineMs);
        continue;
      }
      this.end(endpoint, this.#lateError(endpoint));
    }
  }

  #lateError(endpoint: Endpoint): UcxError | undefined {
    if (endpoint.state === "left") return undefined;
    const where = endpoint.remoteAddress || "the worker address";
    if (endpoint.state === "connecting")
      return new UcxTimeoutError(
        `no handshake with ${where} within ${this.#context.config.connectTimeoutMs} ms`,
        { endpointId: endpoint.id },
      );
    return new UcxTimeoutError(
      `closing the connection to ${where} took too long; what was still on its way is cut off`,
      { endpointId: endpoint.id },
    );
  }

  /** Runs a hook of the user. */
  #guard(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.#context.hooks.onError(asError(error));
    }
  }
}

/** Whatever was thrown, as an Error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Calls all listeners of a connection. */
export function notify(
  listeners: Set<(endpoint: Endpoint) => void>,
  endpoint: Endpoint,
): void {
  for (const listener of [...listeners]) listener(endpoint);
}
