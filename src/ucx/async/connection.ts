/** One open connection of the asynchronous level: what a client does on it. */
import { checkData, type MessageData } from "../core/buffers.ts";
import type { CloseInfo, Endpoint } from "../core/endpoint.ts";
import type { Operation } from "../core/operation.ts";
import {
  UcxCanceledError,
  UcxClosedError,
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "../errors.ts";
import { readableOf, writableOf } from "../streams/whatwg.ts";
import { receivableStream, sendableStream } from "../streams/worker_streams.ts";
import { checkTag, userTagOf } from "../tags.ts";
import type { Background } from "./background.ts";
import type { Inbox } from "./inbox.ts";
import { Receive, tagPattern } from "./receive.ts";
import { notSendable, SendQueue } from "./send_queue.ts";
import { checkWait, limitsOf, type WaitOptions } from "./wait_limits.ts";

/** The longest message that can be asked for. */
const maxLengthMax = Number.MAX_SAFE_INTEGER;

/** What a connection gives: the message with its tag. */
export type Received<Value> = (
  data: Uint8Array<ArrayBuffer>,
  tag: number | bigint,
) => Value;

/** A connection and what waits on it. */
export class Connection {
  readonly endpoint: Endpoint;
  readonly #background: Background;
  readonly #inbox: Inbox;
  readonly #sends: SendQueue;
  readonly #closed: Promise<CloseInfo | undefined>;
  #pingSequence = 0;

  /** @param endpoint open */
  constructor(background: Background, endpoint: Endpoint) {
    this.#background = background;
    this.endpoint = endpoint;
    this.#inbox = background.inboxes.of(endpoint);
    this.#sends = new SendQueue(background, endpoint);
    this.#closed = new Promise((resolve) => {
      let reason: CloseInfo | undefined;
      background.closeListeners.set(endpoint.id, (info) => {
        reason = info;
      });
      const listener = (): void => {
        if (endpoint.state !== "closed") return;
        endpoint.stateListeners.delete(listener);
        background.closeListeners.delete(endpoint.id);
        this.#onClosed();
        resolve(reason);
      };
      endpoint.stateListeners.add(listener);
      listener();
    });
  }

  /** Fulfilled with the reason when it is closed, by whomever. */
  get closed(): Promise<CloseInfo | undefined> {
    return this.#closed;
  }

  get isOpen(): boolean {
    return this.endpoint.state === "open" && !this.#background.isClosing;
  }

  /** Messages that wait for the peer's credit. */
  get queuedSends(): number {
    return this.#sends.length;
  }

  /** See {@linkcode AsyncUcxClient.sendMessage}. */
  send(
    tag: number | bigint,
    data: MessageData,
    options: WaitOptions | undefined,
  ): Promise<void> {
    this.#background.checkOpen();
    this.#checkEnabled("sendMessage");
    checkTag(tag, this.endpoint.raw);
    checkData(data, "data");
    checkWait(options);
    return this.#sends.send(tag, data, options);
  }

  /** See {@linkcode AsyncUcxClient.receiveMessage}. */
  receive<Value>(
    tag: number | bigint | undefined,
    maxLength: number | undefined,
    options: (WaitOptions & { readonly mask?: bigint | undefined }) | undefined,
    wrap: Received<Value>,
  ): Promise<Value> {
    const { inboxes, driver, turns } = this.#background;
    checkWait(options);
    const receive = this.#post(tag, maxLength, options?.mask);
    if (!receive.isSettled) {
      if (this.endpoint.state === "closed") {
        inboxes.giveUp(this.#inbox, receive);
        throw this.#ended();
      }
      // Whatever else is settled meanwhile has its receiver waiting, too.
      const { settled } = inboxes;
      driver.spin(() => receive.isSettled || inboxes.settled !== settled);
    }
    if (!receive.isSettled) return this.#wait(receive, options, wrap);
    return receive.data === undefined
      ? Promise.reject(receive.error)
      : turns.promise(wrap(receive.data, this.#tagOf(receive)));
  }

  /** See {@linkcode AsyncUcxClient.tryReceive}. */
  tryReceive<Value>(
    tag: number | bigint | undefined,
    maxLength: number | undefined,
    mask: bigint | undefined,
    wrap: Received<Value>,
  ): Value | undefined {
    const { inboxes } = this.#background;
    const receive = this.#post(tag, maxLength, mask);
    if (!receive.isSettled) {
      this.#background.driver.look();
      inboxes.giveUp(this.#inbox, receive);
    }
    if (receive.data !== undefined)
      return wrap(receive.data, this.#tagOf(receive));
    if (receive.error !== undefined) throw receive.error;
    return undefined;
  }

  #checkEnabled(call: string): void {
    if (!this.#background.config.worker.enableTag)
      throw new UcxFeatureDisabledError(call, "enableTag");
  }

  #post(
    tag: number | bigint | undefined,
    maxLength: number | undefined,
    mask: bigint | undefined,
  ): Receive {
    const { inboxes, config } = this.#background;
    this.#background.checkOpen();
    this.#checkEnabled("receiveMessage");
    if (tag !== undefined) checkTag(tag, config.worker.raw);
    if (mask !== undefined && typeof mask !== "bigint")
      throw new TypeError(`mask: given ${typeof mask}, allowed a bigint`);
    const maxBytes = maxLength ?? config.worker.bufferSize;
    if (!Number.isInteger(maxBytes) || maxBytes < 0 || maxBytes > maxLengthMax)
      throw new RangeError(
        `maxLength: given ${maxLength}, allowed an integer from 0 (bytes)`,
      );
    const receive = new Receive(
      tagPattern(tag, mask, config.worker.raw),
      maxBytes,
      this,
    );
    inboxes.post(this.#inbox, receive);
    return receive;
  }

  #tagOf(receive: Receive): number | bigint {
    if (!this.endpoint.raw)
      return userTagOf(receive.tagUpper, receive.tagLower);
    const tag =
      (BigInt(receive.tagUpper >>> 0) << 32n) | BigInt(receive.tagLower >>> 0);
    return tag <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(tag) : tag;
  }

  #wait<Value>(
    receive: Receive,
    options: WaitOptions | undefined,
    wrap: Received<Value>,
  ): Promise<Value> {
    const { driver, inboxes } = this.#background;
    driver.notify();
    return new Promise((resolve, reject) => {
      driver.hold();
      const limits = limitsOf(
        options,
        (error) => {
          inboxes.giveUp(this.#inbox, receive);
          receive.fail(error);
        },
        (timeoutMs) =>
          new UcxTimeoutError(`no message came within ${timeoutMs} ms`, {
            endpointId: this.endpoint.id,
          }),
      );
      receive.onSettled = () => {
        limits?.clear();
        driver.release();
        if (receive.data === undefined) reject(receive.error);
        else resolve(wrap(receive.data, this.#tagOf(receive)));
      };
    });
  }

  /** See {@linkcode AsyncUcxClient.readable}. */
  readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { core } = this.#background;
    const endpoint = receivableStream(core, this.endpoint.id);
    return readableOf(core.streams, endpoint, (operation) =>
      this.#done(operation),
    );
  }

  /** See {@linkcode AsyncUcxClient.writable}. */
  writable(): WritableStream<Uint8Array> {
    const { core } = this.#background;
    const endpoint = sendableStream(core, this.endpoint.id);
    return writableOf(core.streams, endpoint, (operation) =>
      this.#done(operation),
    );
  }

  async #done(operation: Operation): Promise<void> {
    const done = new Promise<void>((resolve) => {
      operation.onDone = () => resolve();
    });
    this.#background.driver.notify();
    await this.#background.hold(done);
  }

  /** Sends a ping, and waits for the pong: proof that the peer is alive and progresses. Gives milliseconds. */
  ping(options: WaitOptions | undefined): Promise<number> {
    const { core, driver } = this.#background;
    const { endpoint } = this;
    this.#background.checkOpen();
    checkWait(options);
    if (endpoint.raw)
      throw new UcxNotConnectedError(
        "a peer of raw mode does not answer pings",
        { endpointId: endpoint.id },
      );
    if (endpoint.state !== "open") throw notSendable(endpoint);
    this.#pingSequence += 1;
    const sequence = this.#pingSequence;
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      driver.hold();
      const finish = (): void => {
        limits?.clear();
        endpoint.pongListeners.delete(onPong);
        endpoint.stateListeners.delete(onState);
        driver.release();
      };
      const onPong = (answered: number): void => {
        if (answered !== sequence) return;
        finish();
        resolve(performance.now() - startMs);
      };
      const onState = (): void => {
        if (endpoint.state === "open") return;
        finish();
        reject(notSendable(endpoint));
      };
      const limits = limitsOf(
        options,
        (error) => {
          finish();
          reject(error);
        },
        (timeoutMs) =>
          new UcxTimeoutError(`no answer to a ping within ${timeoutMs} ms`, {
            endpointId: endpoint.id,
          }),
      );
      endpoint.pongListeners.add(onPong);
      endpoint.stateListeners.add(onState);
      core.connections.sendControl(endpoint, {
        kind: "ping",
        receiverId: endpoint.peerWireId,
        sequence,
      });
      driver.notify();
    });
  }

  /** Says goodbye and waits until it is closed; cut off after `timeoutMs`. */
  async close(
    timeoutMs: number = this.#background.config.worker.closeTimeoutMs,
  ): Promise<void> {
    const { core, driver } = this.#background;
    const { endpoint } = this;
    checkWait({ timeoutMs });
    if (core.isClosed) return;
    if (endpoint.state === "closed") {
      // Who closes does not want what is left of it.
      core.connections.closing.forget(endpoint);
      return;
    }
    this.failPending(
      new UcxCanceledError("the connection was closed", {
        endpointId: endpoint.id,
      }),
    );
    core.connections.closing.close(endpoint, timeoutMs);
    driver.notify();
    await this.#background.hold(this.#closed);
  }

  /** Rejects whatever waits on this connection and is not in UCX's hands. */
  failPending(error: Error): void {
    this.#sends.fail(error);
    this.#background.inboxes.fail(this.#inbox, this, error);
  }

  #onClosed(): void {
    // What had arrived is handed out first.
    if (!this.#background.core.isClosed) this.#background.inboxes.drain();
    this.failPending(this.#ended());
  }

  /** Whether an error of a receive only says that the connection was closed in order, by whomever. */
  isEnd(error: unknown): boolean {
    return (
      error instanceof UcxCanceledError ||
      error instanceof UcxNotConnectedError ||
      error instanceof UcxClosedError
    );
  }

  #ended(): Error {
    if (this.#background.isClosing)
      return new UcxClosedError("the manager was closed");
    return notSendable(this.endpoint);
  }
}
