/** The streams of a worker's connections: an ordered flow of bytes in each direction, within windows of bytes. */
import { type Handle, sizeAt } from "../../../ffi/host.ts";
import { NativeCell } from "../../../ffi/ucp/native_struct.ts";
import { StreamPollEntries } from "../../../ffi/ucp/request_structs.ts";
import type { MessageData } from "../core/buffers.ts";
import type { ControlMessage } from "../core/control_messages.ts";
import type { EndpointUser } from "../core/closing.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { NativeBytes } from "../core/native_bytes.ts";
import type { NativeWorker } from "../core/native_worker.ts";
import type { Operation } from "../core/operation.ts";
import type { Requests } from "../core/requests.ts";
import { type UcxError, UcxUnexpectedOverflowError } from "../errors.ts";
import { InboundStream } from "./inbound_stream.ts";
import { OutboundStream } from "./outbound_stream.ts";
import type { StreamChunk } from "./stream_chunk.ts";

/** What it needs of the worker. */
export interface StreamsContext {
  readonly native: NativeWorker;
  readonly requests: Requests;
  readonly raw: boolean;
  readonly windowBytes: number;
  byHandle(handle: Handle): Endpoint | undefined;
  sendControl(endpoint: Endpoint, message: ControlMessage): void;
  /** Cuts a connection off. */
  end(endpoint: Endpoint, error: UcxError): void;
  /** The stream of a closed connection was read to its end. */
  forgetIfEmpty(endpoint: Endpoint): void;
}

/** Connections that one call of `ucp_stream_worker_poll` tells of. */
const pollEntries = 64;
const canceledStatus = -16;

/** Streams of one worker. */
export class Streams implements EndpointUser {
  readonly #context: StreamsContext;
  readonly #inbound = new Map<Endpoint, InboundStream>();
  readonly #outbound = new Map<Endpoint, OutboundStream>();
  /** Those with receives that wait. */
  readonly #waiting = new Set<InboundStream>();
  /** Connections that UCX has told to have bytes, and that were not found empty since. */
  readonly #ready = new Set<Endpoint>();
  readonly #polled = new StreamPollEntries(pollEntries);
  readonly #length = new NativeCell();

  constructor(context: StreamsContext) {
    this.#context = context;
  }

  /**
   * Begins to receive: done when there are any bytes, at the end (0 bytes), or, with `waitAll`, when the buffer is full.
   * The operation may be done already.
   */
  receive(endpoint: Endpoint, buffer: Uint8Array, waitAll: boolean): Operation {
    return this.#inboundOf(endpoint).receive(buffer, waitAll);
  }

  /** Waits until there is something to take, or never will be. */
  waitReadable(endpoint: Endpoint): Operation {
    return this.#inboundOf(endpoint).receive(undefined, false);
  }

  /** Takes bytes where they are; undefined when there are none, or other receives are waiting for them. */
  take(endpoint: Endpoint): StreamChunk | undefined {
    return this.#inboundOf(endpoint).take();
  }

  /** Whether there is something to read. */
  hasBytes(endpoint: Endpoint): boolean {
    return this.#inboundOf(endpoint).hasBytes;
  }

  /** Begins to send. Gives the operation, or undefined when the data is free again already. The data is checked. */
  send(endpoint: Endpoint, data: MessageData): Operation | undefined {
    let outbound = this.#outbound.get(endpoint);
    if (outbound === undefined) {
      outbound = new OutboundStream(endpoint, {
        sendPiece: (to, piece) => this.#sendPiece(to, piece),
        follow: (request, piece) => {
          const { requests } = this.#context;
          const operation = requests.add("plain", request, piece);
          operation.endpoint = endpoint;
          return operation;
        },
      });
      this.#outbound.set(endpoint, outbound);
    }
    return outbound.send(data);
  }

  /** Gives an operation up. A receive keeps what it has got; of a send, what UCX has goes out. */
  cancel(operation: Operation): void {
    if (operation.isDone) return;
    operation.status = canceledStatus;
    operation.onCancel?.();
    operation.onDone?.(operation);
  }

  /** Connections with something to read. */
  ready(): Endpoint[] {
    this.#poll();
    for (const inbound of this.#inbound.values())
      if (inbound.endpoint.streamUnread) this.#ready.add(inbound.endpoint);
    for (const endpoint of [...this.#ready])
      if (!this.hasBytes(endpoint)) this.#ready.delete(endpoint);
    return [...this.#ready];
  }

  /** Done at each turn of progress. */
  step(): number {
    return this.#waiting.size === 0 ? 0 : this.#poll();
  }

  /** The peer said goodbye, and closes as soon as it has our answer: what it sent must not go away with the connection. */
  left(endpoint: Endpoint): void {
    const used = this.#inbound.has(endpoint);
    if (!used && endpoint.goodbye?.streamBytesSent === 0) return;
    endpoint.streamUnread = true;
    const inbound = this.#inboundOf(endpoint);
    inbound.keepAll();
    inbound.serve();
  }

  /** UCX's endpoint is about to be given up. */
  ending(endpoint: Endpoint): void {
    const inbound = this.#inbound.get(endpoint);
    if (inbound === undefined) return;
    inbound.keepAll();
    if (endpoint.goodbye === undefined) endpoint.streamUnread = true;
  }

  /** A connection is let go: what nobody has read is thrown away. */
  forget(endpoint: Endpoint): void {
    this.#inbound.get(endpoint)?.discard();
    this.#inbound.delete(endpoint);
    this.#outbound.delete(endpoint);
    this.#ready.delete(endpoint);
  }

  #inboundOf(endpoint: Endpoint): InboundStream {
    const known = this.#inbound.get(endpoint);
    if (known !== undefined) return known;
    const inbound = new InboundStream(endpoint, {
      pull: (from) => this.#pull(from),
      onRead: (from, bytes) => this.#onRead(from, bytes),
      onWaiting: (of, waiting) => {
        if (waiting) this.#waiting.add(of);
        else this.#waiting.delete(of);
      },
      onEnd: (of) => this.#onEnd(of),
    });
    this.#inbound.set(endpoint, inbound);
    return inbound;
  }

  #sendPiece(endpoint: Endpoint, piece: Uint8Array): Handle {
    const { native } = this.#context;
    return native.functions.ucp_stream_send_nbx(
      endpoint.handle,
      piece,
      sizeAt(piece.byteLength),
      native.params.plain,
    );
  }

  /** UCX tells each connection once, when the first bytes after none have come. */
  #poll(): number {
    const { native } = this.#context;
    const count = Number(
      native.functions.ucp_stream_worker_poll(
        native.worker,
        this.#polled.handle,
        sizeAt(pollEntries),
        0,
      ),
    );
    const endpoints: Endpoint[] = [];
    for (let index = 0; index < count; index++) {
      const handle = this.#polled.endpointAt(index);
      const endpoint = this.#context.byHandle(handle);
      if (endpoint !== undefined) endpoints.push(endpoint);
    }
    let done = 0;
    for (const endpoint of endpoints) {
      this.#ready.add(endpoint);
      done += this.#inbound.get(endpoint)?.serve() ?? 0;
    }
    return done;
  }

  #pull(endpoint: Endpoint): NativeBytes | undefined {
    if (!endpoint.handle) return undefined;
    const { functions } = this.#context.native;
    const data = functions.ucp_stream_recv_data_nb(
      endpoint.handle,
      this.#length.handle,
    );
    if (!data || data < 0) {
      this.#ready.delete(endpoint);
      return undefined;
    }
    const { handle } = endpoint;
    return new NativeBytes(data, this.#length.size, (native) =>
      functions.ucp_stream_data_release(handle, native),
    );
  }

  #onRead(endpoint: Endpoint, bytes: number): void {
    endpoint.streamReceived += bytes;
    endpoint.counters.bytesReceived += bytes;
    if (this.#context.raw || endpoint.state !== "open") return;
    if (endpoint.streamReceived > endpoint.streamGranted) {
      this.#context.end(
        endpoint,
        new UcxUnexpectedOverflowError(
          `endpoint ${endpoint.id}: its peer has sent ${endpoint.streamReceived} bytes of stream, and may send ${endpoint.streamGranted}`,
          { endpointId: endpoint.id },
        ),
      );
      return;
    }
    if (endpoint.streamReceived < endpoint.streamGrantAt) return;
    const { windowBytes } = this.#context;
    endpoint.streamGranted = endpoint.streamReceived + windowBytes;
    endpoint.streamGrantAt =
      endpoint.streamReceived + Math.ceil(windowBytes / 2);
    this.#context.sendControl(endpoint, {
      kind: "credit",
      receiverId: endpoint.peerWireId,
      messagesGranted: endpoint.granted,
      streamBytesGranted: endpoint.streamGranted,
    });
  }

  #onEnd(endpoint: Endpoint): void {
    if (!endpoint.streamUnread) return;
    endpoint.streamUnread = false;
    if (endpoint.state === "closed") this.#context.forgetIfEmpty(endpoint);
  }
}
