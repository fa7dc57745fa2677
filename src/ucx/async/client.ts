/** One side of one connection, with calls that can be awaited. */
import type { UcxAddress } from "../address.ts";
import type { MessageData } from "../core/buffers.ts";
import type { CloseInfo } from "../core/endpoint.ts";
import {
  UcxAlreadyConnectedError,
  UcxCanceledError,
  UcxNotConnectedError,
} from "../errors.ts";
import type { EndpointStats } from "../statistics.ts";
import type { Background } from "./background.ts";
import { type BurstOptions, sendAll, sendEach } from "./burst.ts";
import { connectByWorkerAddress, connectTo } from "./connecting.ts";
import { Connection } from "./connection.ts";
import {
  AsyncMessage,
  type OutgoingMessage,
  type SendData,
} from "./message.ts";
import { checkWait, type WaitOptions } from "./wait_limits.ts";

/** Which message a receive takes, and how long it may wait. */
export interface ReceiveOptions extends WaitOptions {
  /** Bits of the tag that must be equal. @default all */
  readonly mask?: bigint | undefined;
}

/** What {@linkcode AsyncUcxClient.request} may be told. */
export interface RequestOptions extends WaitOptions {
  /** Tag of the answer. @default that of the question */
  readonly replyTag?: number | bigint | undefined;
  /** Longest answer in bytes. @default bufferSize */
  readonly maxLength?: number | undefined;
}

const encoder = new TextEncoder();

function bytesOf(data: SendData): MessageData {
  return typeof data === "string" ? encoder.encode(data) : data;
}

const onlyData = (data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  data;
const asMessage = (
  data: Uint8Array<ArrayBuffer>,
  tag: number | bigint,
): AsyncMessage => new AsyncMessage(tag, data);

/** Use {@linkcode AsyncUcxManager.createClient}; a server gives its handler one for each connection. */
export class AsyncUcxClient {
  readonly #background: Background;
  #connection: Connection | undefined;
  /** A call of `connect` that goes on. */
  #connecting:
    | { readonly abort: AbortController; readonly done: Promise<void> }
    | undefined;

  constructor(background: Background, connection?: Connection) {
    this.#background = background;
    this.#connection = connection;
  }

  /** Whether messages can be sent. */
  get isConnected(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** The endpoint's id; undefined before the first connection. */
  get endpointId(): number | undefined {
    return this.#connection?.endpoint.id;
  }

  /** `host:port` of the other side; empty when it was connected by worker address, or not at all. */
  get remoteAddress(): string {
    return this.#connection?.endpoint.remoteAddress ?? "";
  }

  /** What the other side calls itself. */
  get peerName(): string {
    return this.#connection?.endpoint.peerName ?? "";
  }

  /**
   * Connects, name resolution and handshake included. Not to be called again before the connection has ended.
   *
   * @param options.timeoutMs over all addresses of a name. @default connectTimeoutMs
   * @throws {UcxUnknownHostError} when nobody knows the host
   * @throws {UcxUnreachableError} when nobody is there
   * @throws {UcxRejectedError} when the listener refuses
   * @throws {UcxTimeoutError} when it takes too long
   * @throws {UcxAlreadyConnectedError} when it is connected
   * @throws {UcxClosedError} when the manager is closed
   */
  async connect(address: UcxAddress, options?: WaitOptions): Promise<void> {
    await this.#connectBy(options, (within) =>
      connectTo(this.#background, address, within),
    );
  }

  /** Connects to a worker by its address ({@linkcode AsyncUcxManager.workerAddress}), without a listener. @throws as {@linkcode connect} */
  async connectToWorker(
    workerAddress: Uint8Array,
    options?: WaitOptions,
  ): Promise<void> {
    await this.#connectBy(options, (within) =>
      connectByWorkerAddress(this.#background, workerAddress, within),
    );
  }

  async #connectBy(
    options: WaitOptions | undefined,
    connect: (within: WaitOptions) => Promise<Connection["endpoint"]>,
  ): Promise<void> {
    if (this.#connecting !== undefined || this.isConnected)
      throw new UcxAlreadyConnectedError(
        "the client is connected, or about to be",
        { endpointId: this.endpointId },
      );
    checkWait(options);
    const abort = new AbortController();
    const signals = [
      abort.signal,
      ...(options?.signal ? [options.signal] : []),
    ];
    const done = Promise.withResolvers<void>();
    this.#connecting = { abort, done: done.promise };
    try {
      const endpoint = await connect({
        ...options,
        signal: AbortSignal.any(signals),
      });
      this.#connection = new Connection(this.#background, endpoint);
      abort.signal.throwIfAborted();
    } finally {
      this.#connecting = undefined;
      done.resolve();
    }
  }

  /**
   * Sends a message. Fulfilled when its data is free again: a short one is on its way then, of a long one the receiver
   * has it. Until then the data must not be changed. Messages leave in the order of the calls.
   *
   * A wait for the peer's credit can be given up without anything being sent. What UCX has begun to send cannot be taken
   * back: after a time limit or an abort the data is still in use, and the message may arrive.
   *
   * @throws {UcxNotConnectedError} when there is no open connection
   * @throws {UcxConnectionResetError} when it is lost
   * @throws {UcxTimeoutError} when it takes too long
   * @throws {UcxLimitError} when it is longer than the peer takes, or too many wait
   * @throws {UcxUnsupportedError} when the peer takes no messages
   */
  sendMessage(
    tag: number | bigint,
    data: SendData,
    options?: WaitOptions,
  ): Promise<void> {
    try {
      return this.#known("sendMessage").send(tag, bytesOf(data), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a message under its own tag. @throws as {@linkcode sendMessage} */
  send(message: AsyncMessage, options?: WaitOptions): Promise<void> {
    return this.sendMessage(message.tag, message.data, options);
  }

  /**
   * Waits for a message. Each goes to the call that has waited longest among those that want its tag.
   *
   * @param tag undefined for any
   * @param maxLength bytes; a longer one is refused, and stays. @default bufferSize
   * @returns its bytes, in memory of their own
   * @throws {UcxTimeoutError} when none came in time
   * @throws {UcxTruncatedError} when it is longer than `maxLength`
   * @throws {UcxNotConnectedError} when the peer has closed the connection
   * @throws {UcxConnectionResetError} when it is lost
   * @throws {UcxCanceledError} when it was closed on this side meanwhile
   */
  receiveMessage(
    tag?: number | bigint,
    maxLength?: number,
    options?: ReceiveOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return this.#known("receiveMessage").receive(
        tag,
        maxLength,
        options,
        onlyData,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Waits for a message, and tells its tag. See {@linkcode receiveMessage}. */
  receive(
    options: ReceiveOptions & {
      readonly tag?: number | bigint | undefined;
      readonly maxLength?: number | undefined;
    } = {},
  ): Promise<AsyncMessage> {
    try {
      return this.#known("receive").receive(
        options.tag,
        options.maxLength,
        options,
        asMessage,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A message that has come already, or undefined. @throws {UcxTruncatedError} when it is longer than `maxLength` */
  tryReceive(
    tag?: number | bigint,
    maxLength?: number,
    options: { readonly mask?: bigint | undefined } = {},
  ): AsyncMessage | undefined {
    return this.#known("tryReceive").tryReceive(
      tag,
      maxLength,
      options.mask,
      asMessage,
    );
  }

  /**
   * Messages, until the connection is closed by either side, or `signal` fires.
   *
   * @throws {UcxConnectionResetError} when the connection is lost
   */
  async *messages(
    options: {
      readonly tag?: number | bigint | undefined;
      readonly mask?: bigint | undefined;
      readonly maxLength?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): AsyncGenerator<AsyncMessage, void, undefined> {
    const connection = this.#known("messages");
    for (;;) {
      let message: AsyncMessage;
      try {
        message = await connection.receive(
          options.tag,
          options.maxLength,
          options,
          asMessage,
        );
      } catch (error) {
        if (options.signal?.aborted === true) return;
        if (connection.isEnd(error)) return;
        throw error;
      }
      yield message;
    }
  }

  /** All messages; see {@linkcode messages}. */
  [Symbol.asyncIterator](): AsyncGenerator<AsyncMessage, void, undefined> {
    return this.messages();
  }

  /**
   * Sends a question and waits for the answer.
   *
   * @param options.timeoutMs for both
   * @throws as {@linkcode sendMessage} and {@linkcode receiveMessage}
   */
  async request(
    tag: number | bigint,
    data: SendData,
    options: RequestOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { timeoutMs, signal, replyTag = tag, maxLength } = options;
    if (timeoutMs === undefined) {
      await this.sendMessage(tag, data, options);
      return await this.receiveMessage(replyTag, maxLength, { signal });
    }
    const endMs = performance.now() + timeoutMs;
    await this.sendMessage(tag, data, options);
    return await this.receiveMessage(replyTag, maxLength, {
      signal,
      timeoutMs: Math.max(0, endMs - performance.now()),
    });
  }

  /**
   * Asks the other side whether it is alive and progresses; its program does not notice.
   *
   * @returns milliseconds there and back
   * @throws {UcxTimeoutError} when no answer came in time
   */
  ping(options?: WaitOptions): Promise<number> {
    try {
      return this.#known("ping").ping(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends many messages in their order. Fulfilled with their number when all are sent.
   *
   * @throws the first failure; what had been begun goes on, and nothing more is begun
   */
  sendBatch(
    messages: Iterable<OutgoingMessage>,
    options?: BurstOptions,
  ): Promise<number> {
    return sendAll(this, messages, options);
  }

  /** Sends many messages in their order, and tells for each what went wrong, or undefined. */
  sendBurst(
    messages: Iterable<OutgoingMessage>,
    options?: BurstOptions,
  ): Promise<(Error | undefined)[]> {
    return sendEach(this, messages, options);
  }

  /**
   * The bytes that the other side sends by the connection's stream, which has nothing to do with messages. It closes at
   * the other side's goodbye, and errors when the connection is lost. A slow reader holds the sender up, by
   * streamWindowBytes. Canceling it leaves the connection open.
   *
   * @throws {UcxFeatureDisabledError} without enableStream
   * @throws {UcxNotConnectedError} when there is no connection
   */
  readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#known("readable").readable();
  }

  /**
   * Sends bytes by the connection's stream. A write is done when its data is free again. Closing it waits for the writes
   * and leaves the connection open: the other side sees the end when the client is closed.
   *
   * @throws {UcxFeatureDisabledError} without enableStream
   * @throws {UcxNotConnectedError} when there is no open connection
   * @throws {UcxUnsupportedError} when the peer has no streams
   */
  writable(): WritableStream<Uint8Array> {
    return this.#known("writable").writable();
  }

  /** What its connection has counted. */
  stats(): EndpointStats {
    return { ...this.#known("stats").endpoint.counters };
  }

  /** Messages that wait for the peer's credit. */
  get queuedSends(): number {
    return this.#connection?.queuedSends ?? 0;
  }

  /** Fulfilled with the reason when the connection has ended, by whomever; with undefined at once when there was none. */
  get closed(): Promise<CloseInfo | undefined> {
    return this.#connection?.closed ?? Promise.resolve(undefined);
  }

  /**
   * Closes: says goodbye, waits until what was sent has arrived, lets go. Idempotent; the client can connect again. A
   * `connect` that goes on is given up, with {@linkcode UcxCanceledError}.
   *
   * @param options.timeoutMs after it the connection is cut off; 0 does so at once. @default closeTimeoutMs
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkWait(options);
    const connecting = this.#connecting;
    connecting?.abort.abort(
      new UcxCanceledError("the client was closed while it connected"),
    );
    await connecting?.done;
    await this.#connection?.close(options.timeoutMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #known(call: string): Connection {
    this.#background.checkOpen();
    if (this.#connection === undefined)
      throw new UcxNotConnectedError(`${call}: the client is not connected`);
    return this.#connection;
  }
}
