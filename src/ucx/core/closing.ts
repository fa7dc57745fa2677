/**
 * How connections end, each of those that were open once, whoever begins it.
 *
 * The order of an end is our own: goodbye, the peer's farewell, all that was sent is received, our farewell, and when
 * that has left UCX is told to cut the endpoint off. UCX's own way of closing without force is not used: it waits for
 * the peer without a limit, an endpoint on which it was begun cannot be forced any more ("has already been closed", UCX
 * 1.13 to 1.19), and one that was made by worker address is kept until the worker is destroyed.
 */
import type { Handle } from "../../../ffi/host.ts";
import {
  type UcxError,
  UcxTimeoutError,
  UcxUnexpectedOverflowError,
} from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import type { ControlMessage, Goodbye } from "./control_messages.ts";
import { descriptorBudget } from "./descriptor_budget.ts";
import type { CloseInfo, Endpoint } from "./endpoint.ts";
import type { EndpointTable } from "./endpoint_table.ts";
import { Lingering } from "./lingering.ts";
import type { NativeWorker } from "./native_worker.ts";
import type { Requests } from "./requests.ts";

/** How long an endpoint may take to get its last words through, in milliseconds. */
const lingerMs = 1000;
/** What a peer is given beyond the time that it says it needs, in milliseconds. */
const graceMs = 1000;
/** Longest patience that is told to a peer, in milliseconds: three weeks. */
const patienceMsMax = 2 ** 31;

/** What the worker wants to hear. */
export interface ConnectionHooks {
  onOpen(endpoint: Endpoint): void;
  onClose(endpoint: Endpoint, info: CloseInfo): void;
  /** Something went wrong that concerns no call: a hook that threw, a message that was no control message. */
  onError(error: Error): void;
}

/** What depends on a connection's UCX endpoint, beside messages. */
export interface EndpointUser {
  /** The peer said goodbye; it closes when it has our answer. */
  left(endpoint: Endpoint): void;
  /** UCX's endpoint is about to be given up: the last moment to use it. */
  ending(endpoint: Endpoint): void;
  /** Nothing can be received of it any more. */
  forget(endpoint: Endpoint): void;
}

/** What it needs of the worker. */
export interface ClosingContext {
  readonly users: ReadonlySet<EndpointUser>;
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
  /** An endpoint of UCX is gone: what callbacks have said of it is about no other that gets its address. */
  dropEvents(handle: Handle): void;
}

/** Ends connections of one worker. */
export class Closing {
  readonly #context: ClosingContext;
  /** The earliest deadline of all connections. */
  #deadlineMs = Number.POSITIVE_INFINITY;
  /** Those to whom we said goodbye. */
  readonly #leaving = new Set<Endpoint>();
  /** Endpoints that still deliver a refusal. */
  readonly lingering = new Lingering((handle) => this.closeHandle(handle));

  constructor(context: ClosingContext) {
    this.#context = context;
  }

  /** Whether some connection waits for its messages to be received before it ends. */
  get isWaiting(): boolean {
    return this.#leaving.size > 0;
  }

  /** The peer will send no more and wants to close. What it sent can be received as long as we like. */
  onGoodbye(endpoint: Endpoint, goodbye: Goodbye): void {
    if (endpoint.state === "connecting") return;
    endpoint.goodbye = goodbye;
    this.#context.sendControl(endpoint, this.#lastWord(endpoint, "farewell"));
    if (endpoint.state !== "open") return;
    endpoint.state = "left";
    // The peer cuts off then at the latest; should it be stopped in between, we do not wait for ever.
    endpoint.deadlineMs =
      performance.now() + Math.min(goodbye.patienceMs, patienceMsMax) + graceMs;
    this.noteDeadline(endpoint.deadlineMs);
    for (const user of this.#context.users) user.left(endpoint);
    notify(endpoint.stateListeners, endpoint);
    notify(endpoint.creditListeners, endpoint);
  }

  /** The peer has answered our goodbye; or it is gone, after its own. */
  onFarewell(endpoint: Endpoint): void {
    if (endpoint.state === "left")
      this.end(endpoint, undefined, this.#lastWord(endpoint, "farewell"));
    else if (endpoint.parting) {
      endpoint.released = true;
      this.#releaseWhenFlushed(endpoint);
    } else if (endpoint.state === "leaving") {
      endpoint.farewell = true;
      this.#partWhenDone(endpoint);
    }
  }

  #lastWord(
    endpoint: Endpoint,
    kind: Goodbye["kind"],
    patienceMs = 0,
  ): Goodbye {
    return {
      kind,
      receiverId: endpoint.peerWireId,
      messagesSent: endpoint.sent,
      streamBytesSent: endpoint.streamSent,
      patienceMs: Math.min(Math.ceil(patienceMs), patienceMsMax),
    };
  }

  /**
   * Begins to close: goodbye, then what is on its way; cut off after `timeoutMs`.
   *
   * @param timeoutMs 0 cuts off at once
   */
  close(endpoint: Endpoint, timeoutMs: number): void {
    if (endpoint.state === "closed") return;
    // Who left has ended it already, and who never came had nothing.
    endpoint.endedByUs ||= endpoint.state !== "left";
    if (
      endpoint.state === "left" ||
      endpoint.state === "connecting" ||
      timeoutMs <= 0
    ) {
      this.end(endpoint, undefined);
      return;
    }
    const deadlineMs = performance.now() + timeoutMs;
    endpoint.deadlineMs = Math.min(endpoint.deadlineMs, deadlineMs);
    this.noteDeadline(endpoint.deadlineMs);
    if (endpoint.state === "leaving") return;
    endpoint.state = "leaving";
    this.#leaving.add(endpoint);
    this.#context.sendControl(
      endpoint,
      this.#lastWord(endpoint, "goodbye", timeoutMs),
    );
    if (endpoint.raw) endpoint.farewell = true;
    notify(endpoint.stateListeners, endpoint);
    notify(endpoint.creditListeners, endpoint);
    this.#partWhenDone(endpoint);
  }

  /** Looks whether what connections wait for has come about. Returns how many have. */
  step(): number {
    let parted = 0;
    for (const endpoint of [...this.#leaving])
      if (this.#partWhenDone(endpoint)) parted++;
    return parted;
  }

  /** All that we sent is received: says so, and cuts off behind it. */
  #partWhenDone(endpoint: Endpoint): boolean {
    if (endpoint.state !== "leaving" || endpoint.parting) return false;
    const { requests, native } = this.#context;
    if (!endpoint.farewell || requests.sendsFor(endpoint)) return false;
    endpoint.parting = true;
    this.#context.sendControl(endpoint, this.#lastWord(endpoint, "farewell"));
    const request = native.functions.ucp_ep_flush_nbx(
      endpoint.handle,
      native.params.plain,
    );
    const finish = (status: number): void => {
      if (status !== 0) {
        this.end(endpoint, this.#unlessOrderly(endpoint, status));
        return;
      }
      endpoint.flushed = true;
      this.#releaseWhenFlushed(endpoint);
    };
    if (request > 0)
      requests.add("plain", request, undefined).onDone = ({ status }) =>
        finish(status);
    else finish(Number(request));
    return true;
  }

  /**
   * Cuts off when the peer has answered our farewell. Not before: the end of a connection can overtake what is on its
   * way, and the peer would lose a long message that it is still receiving.
   */
  #releaseWhenFlushed(endpoint: Endpoint): void {
    if (endpoint.flushed && (endpoint.released || endpoint.raw))
      this.end(endpoint, undefined);
  }

  /** The error of a status, unless both had said all that they had to say: whoever is faster then cuts the other off. */
  #unlessOrderly(endpoint: Endpoint, status: number): UcxError | undefined {
    const isOrderly = endpoint.goodbye !== undefined || endpoint.farewell;
    return isOrderly && !endpoint.raw
      ? undefined
      : statusError("connection", status, endpoint.id);
  }

  /** UCX says that a connection is broken. That is also how it reports that the peer has closed in good order. */
  onFailure(endpoint: Endpoint, status: number): void {
    this.end(endpoint, this.#unlessOrderly(endpoint, status));
  }

  /** A peer that keeps more unread than may be kept. */
  overflow(endpoint: Endpoint): void {
    endpoint.endedByUs = true;
    this.end(
      endpoint,
      new UcxUnexpectedOverflowError(
        `endpoint ${endpoint.id}: its messages of other tags fill the ${this.#context.config.spillBytes} bytes that may be kept aside (spillBytes)`,
        { endpointId: endpoint.id },
      ),
    );
  }

  /**
   * Ends a connection at once.
   *
   * @param lastWord is sent before it is cut off
   */
  end(
    endpoint: Endpoint,
    error: UcxError | undefined,
    lastWord?: ControlMessage,
  ): void {
    if (endpoint.state === "closed") return;
    if (lastWord !== undefined) this.#context.sendControl(endpoint, lastWord);
    const handle: Handle = this.#takeHandle(endpoint);
    if (handle && lastWord !== undefined) this.linger(handle);
    else if (handle) this.closeHandle(handle);
    endpoint.failure = error;
    this.#ended(endpoint);
  }

  /** Lets an endpoint of UCX deliver what was said last. */
  linger(handle: Handle): void {
    const deadlineMs = performance.now() + lingerMs;
    this.lingering.add(handle, deadlineMs);
    this.noteDeadline(deadlineMs);
  }

  /** Cuts an endpoint of UCX off. */
  closeHandle(handle: Handle): void {
    const { native, requests } = this.#context;
    this.#context.dropEvents(handle);
    const request = native.functions.ucp_ep_close_nbx(
      handle,
      native.params.force,
    );
    if (request > 0) requests.add("plain", request, undefined);
    descriptorBudget.give();
  }

  #takeHandle(endpoint: Endpoint): Handle {
    if (endpoint.handle)
      for (const user of this.#context.users) user.ending(endpoint);
    return this.#context.table.takeHandle(endpoint);
  }

  /** The one place where a connection becomes closed. */
  #ended(endpoint: Endpoint): void {
    const wasOpen = endpoint.state !== "connecting";
    const by = endpoint.endedByUs ? "us" : "peer";
    this.#leaving.delete(endpoint);
    endpoint.state = "closed";
    endpoint.deadlineMs = Number.POSITIVE_INFINITY;
    const tooMany = this.#context.table.close(endpoint);
    // Receives that wait for this connection alone would wait for ever.
    for (const operation of this.#context.requests.list())
      if (operation.endpoint === endpoint && operation.kind === "tagReceive")
        this.#context.requests.cancel(operation);
    const { failure, goodbye } = endpoint;
    if (wasOpen)
      this.#guard(() =>
        this.#context.hooks.onClose(endpoint, {
          endpointId: endpoint.id,
          by,
          orderly:
            failure === undefined &&
            (goodbye !== undefined || endpoint.farewell),
          error: failure,
          messagesSentByPeer: goodbye?.messagesSent,
          messagesReceived: endpoint.received,
        }),
      );
    else if (!endpoint.initiated && failure !== undefined)
      this.#guard(() => this.#context.hooks.onError(failure));
    notify(endpoint.stateListeners, endpoint);
    notify(endpoint.creditListeners, endpoint);
    if (!wasOpen || by === "us") this.forget(endpoint);
    else this.forgetIfEmpty(endpoint);
    if (tooMany !== undefined) this.forget(tooMany);
  }

  /** Lets a closed connection go when everything that has come of it was received. */
  forgetIfEmpty(endpoint: Endpoint): void {
    if (!endpoint.streamUnread && !this.#context.hasUnread(endpoint))
      this.forget(endpoint);
  }

  /** Lets a closed connection go for good: what was not received of it is thrown away, and counted. */
  forget(endpoint: Endpoint): void {
    if (endpoint.state !== "closed") return;
    if (this.#context.table.get(endpoint.id) !== endpoint) return;
    this.#context.forgetMessages(endpoint);
    for (const user of this.#context.users) user.forget(endpoint);
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
    this.#deadlineMs = this.lingering.checkDeadlines(nowMs);
    for (const endpoint of [...this.#context.table.list()]) {
      if (endpoint.deadlineMs > nowMs) {
        this.noteDeadline(endpoint.deadlineMs);
        continue;
      }
      this.end(endpoint, this.#lateError(endpoint));
    }
  }

  #lateError(endpoint: Endpoint): UcxError | undefined {
    if (endpoint.state === "left" || endpoint.parting) return undefined;
    const where = endpoint.remoteAddress || "the worker address";
    return new UcxTimeoutError(
      endpoint.state === "connecting"
        ? `no handshake with ${where} in time`
        : `closing the connection to ${where} took too long; what was still on its way is cut off`,
      { endpointId: endpoint.id },
    );
  }

  /** Cuts off whatever there is. */
  endAll(): void {
    for (const endpoint of [...this.#context.table.list()])
      this.close(endpoint, 0);
    this.lingering.closeAll();
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
