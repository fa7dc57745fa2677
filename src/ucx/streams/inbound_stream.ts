/** What comes in by one connection's stream: bytes that wait to be read, and receives that wait for bytes. */
import type { Endpoint } from "../core/endpoint.ts";
import type { NativeBytes } from "../core/native_bytes.ts";
import { Operation } from "../core/operation.ts";
import {
  UcxCanceledError,
  UcxConnectionResetError,
  type UcxError,
  UcxNotConnectedError,
} from "../errors.ts";
import { StreamChunk } from "./stream_chunk.ts";

/** What it needs of the streams of its worker. */
export interface InboundContext {
  /** Takes the next bytes out of UCX. */
  pull(endpoint: Endpoint): NativeBytes | undefined;
  /** Bytes were read: the peer may send as many again. */
  onRead(endpoint: Endpoint, bytes: number): void;
  /** The first receive waits, or none does any more. */
  onWaiting(inbound: InboundStream, waiting: boolean): void;
  /** Its end has been told, or why there is no more. */
  onEnd(endpoint: Endpoint): void;
}

interface StreamReceive {
  readonly operation: Operation;
  /** Undefined for one that only waits until there is something to read. */
  readonly target: Uint8Array | undefined;
  readonly waitAll: boolean;
}

const canceledStatus = -16;

/** The receiving half of a stream. */
export class InboundStream {
  readonly endpoint: Endpoint;
  readonly #context: InboundContext;
  /** Taken out of UCX; several only when UCX's endpoint is about to go away. */
  readonly #waiting: NativeBytes[] = [];
  /** Chunks that were handed out and not released. */
  readonly #handedOut = new Set<NativeBytes>();
  readonly #receives: StreamReceive[] = [];
  /** Bytes taken out of UCX, in all. */
  #taken = 0;

  constructor(endpoint: Endpoint, context: InboundContext) {
    this.endpoint = endpoint;
    this.#context = context;
    endpoint.stateListeners.add(() => this.serve());
  }

  /** Begins to receive; the operation may be done already. Without a target it waits until there is something to read. */
  receive(target: Uint8Array | undefined, waitAll: boolean): Operation {
    const operation = new Operation("local", 0, target);
    operation.endpoint = this.endpoint;
    const receive = { operation, target, waitAll };
    if (this.#receives.length === 0 && this.#fill(receive)) return operation;
    operation.onCancel = () => this.#giveUp(receive);
    this.#receives.push(receive);
    if (this.#receives.length === 1) this.#context.onWaiting(this, true);
    return operation;
  }

  /** Whether there is something to read. */
  get hasBytes(): boolean {
    return this.#next() !== undefined;
  }

  /** Takes bytes where they are, or undefined when there are none yet. */
  take(): StreamChunk | undefined {
    const source = this.#next();
    if (source === undefined || this.#receives.length > 0) return undefined;
    this.#waiting.shift();
    this.#handedOut.add(source);
    const bytes = source.byteLength;
    return new StreamChunk(source, () => {
      this.#handedOut.delete(source);
      this.#context.onRead(this.endpoint, bytes);
    });
  }

  /** Serves receives, oldest first, as far as there is something for them. Gives how many are done. */
  serve(): number {
    let done = 0;
    for (;;) {
      const [receive] = this.#receives;
      if (receive === undefined || !this.#fill(receive)) return done;
      done++;
      this.#forget(receive);
      receive.operation.onDone?.(receive.operation);
    }
  }

  /** Moves everything into memory of ours, since UCX's endpoint is about to go away. */
  keepAll(): void {
    for (const bytes of [...this.#waiting, ...this.#handedOut]) bytes.keep();
    for (;;) {
      const bytes = this.#pull();
      if (bytes === undefined) break;
      bytes.keep();
      this.#waiting.push(bytes);
    }
  }

  /** Throws away what nobody has read. */
  discard(): void {
    for (const bytes of this.#waiting.splice(0)) bytes.release();
  }

  /** Why no more bytes will come: the end, or an error. Undefined while there are some, or may be. */
  get outcome(): UcxError | "end" | undefined {
    const { endpoint } = this;
    const { goodbye } = endpoint;
    if (this.#next() !== undefined) return undefined;
    if (goodbye !== undefined && this.#taken >= goodbye.streamBytesSent)
      return "end";
    if (endpoint.state !== "closed") return undefined;
    if (endpoint.failure !== undefined) return endpoint.failure;
    const lost =
      goodbye === undefined ? 0 : goodbye.streamBytesSent - this.#taken;
    if (lost > 0)
      return new UcxConnectionResetError(
        `endpoint ${endpoint.id}: ${lost} bytes of its stream were lost when the connection ended`,
        { endpointId: endpoint.id },
      );
    return new UcxNotConnectedError(`endpoint ${endpoint.id} is closed`, {
      endpointId: endpoint.id,
    });
  }

  #pull(): NativeBytes | undefined {
    const bytes = this.#context.pull(this.endpoint);
    if (bytes !== undefined) this.#taken += bytes.byteLength;
    return bytes;
  }

  #next(): NativeBytes | undefined {
    const [first] = this.#waiting;
    if (first !== undefined) return first;
    const bytes = this.#pull();
    if (bytes !== undefined) this.#waiting.push(bytes);
    return bytes;
  }

  /** Moves on as far as possible. Gives whether the operation is done; its `onDone` is not called here. */
  #fill({ operation, target, waitAll }: StreamReceive): boolean {
    let read = 0;
    while (target !== undefined && operation.bytes < target.byteLength) {
      const source = this.#next();
      if (source === undefined) break;
      const bytes = source.readInto(target.subarray(operation.bytes));
      if (source.byteLength === 0) this.#waiting.shift();
      operation.bytes += bytes;
      read += bytes;
    }
    if (read > 0) this.#context.onRead(this.endpoint, read);
    const enough =
      target === undefined
        ? this.#next() !== undefined
        : operation.bytes === target.byteLength ||
          (operation.bytes > 0 && !waitAll);
    if (enough) return this.#finish(operation, 0);
    const { outcome } = this;
    if (outcome === undefined) return false;
    // What was read is told first; the next receive tells the rest.
    if (operation.bytes > 0) return this.#finish(operation, 0);
    this.#context.onEnd(this.endpoint);
    if (outcome === "end") return this.#finish(operation, 0);
    operation.failure = outcome;
    return this.#finish(operation, outcome.status ?? canceledStatus);
  }

  #finish(operation: Operation, status: number): true {
    operation.status = status;
    operation.keep = undefined;
    return true;
  }

  #forget(receive: StreamReceive): void {
    const index = this.#receives.indexOf(receive);
    if (index < 0) return;
    this.#receives.splice(index, 1);
    if (this.#receives.length === 0) this.#context.onWaiting(this, false);
  }

  /** Given up: what it has got so far is not lost. */
  #giveUp(receive: StreamReceive): void {
    const { operation } = receive;
    this.#forget(receive);
    operation.keep = undefined;
    if (operation.bytes > 0) operation.status = 0;
    else
      operation.failure = new UcxCanceledError("the receive was given up", {
        endpointId: this.endpoint.id,
        status: canceledStatus,
      });
  }
}
