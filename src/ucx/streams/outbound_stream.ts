/** What goes out by one connection's stream: sends in their order, within the window that the peer grants. */
import type { Handle } from "../../../ffi/host.ts";
import type { MessageData } from "../core/buffers.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { Operation } from "../core/operation.ts";
import { notSendable } from "../core/operation_errors.ts";
import { UcxCanceledError, type UcxError } from "../errors.ts";
import { statusError } from "../status_errors.ts";

/** What it needs of the streams of its worker. */
export interface OutboundContext {
  /** `ucp_stream_send_nbx` */
  sendPiece(endpoint: Endpoint, piece: Uint8Array): Handle;
  /** Takes up a request of UCX. */
  follow(request: Handle, piece: Uint8Array): Operation;
}

interface StreamSend {
  readonly operation: Operation;
  readonly parts: readonly Uint8Array[];
  part: number;
  offset: number;
  /** Pieces that UCX still reads. */
  underWay: number;
  handedOver: boolean;
}

const canceledStatus = -16;

/** The sending half of a stream. */
export class OutboundStream {
  readonly endpoint: Endpoint;
  readonly #context: OutboundContext;
  /** Those that are not handed over to UCX in full. */
  readonly #sends: StreamSend[] = [];

  constructor(endpoint: Endpoint, context: OutboundContext) {
    this.endpoint = endpoint;
    this.#context = context;
    const advance = (): void => this.#advance();
    endpoint.creditListeners.add(advance);
    endpoint.stateListeners.add(advance);
  }

  /** Begins to send. Gives the operation, or undefined when the data is free again already. */
  send(data: MessageData): Operation | undefined {
    const operation = new Operation("local", 0, data);
    operation.endpoint = this.endpoint;
    const send: StreamSend = {
      operation,
      parts: data instanceof Uint8Array ? [data] : data,
      part: 0,
      offset: 0,
      underWay: 0,
      handedOver: false,
    };
    operation.onCancel = () => this.#giveUp(send);
    this.#sends.push(send);
    this.#advance();
    return operation.isDone && operation.failure === undefined
      ? undefined
      : operation;
  }

  #advance(): void {
    for (;;) {
      const [send] = this.#sends;
      if (send === undefined) return;
      if (this.endpoint.state !== "open") {
        this.#fail(send, notSendable(this.endpoint));
        continue;
      }
      if (!this.#handOver(send)) return;
      this.#remove(send);
      send.handedOver = true;
      this.#settle(send);
    }
  }

  /** Hands over as much as the window allows. Gives whether that was all of it. */
  #handOver(send: StreamSend): boolean {
    const { endpoint } = this;
    for (;;) {
      const part = send.parts[send.part];
      if (part === undefined || send.operation.isDone) return true;
      const left = part.byteLength - send.offset;
      if (left === 0) {
        send.part++;
        send.offset = 0;
        continue;
      }
      const room = endpoint.streamSendLimit - endpoint.streamSent;
      if (room <= 0) return false;
      const bytes = Math.min(left, room);
      const piece =
        bytes === part.byteLength
          ? part
          : part.subarray(send.offset, send.offset + bytes);
      this.#sendPiece(send, piece);
    }
  }

  #sendPiece(send: StreamSend, piece: Uint8Array): void {
    const { endpoint } = this;
    const request = this.#context.sendPiece(endpoint, piece);
    if (request < 0) {
      this.#fail(send, statusError("sendStream", Number(request), endpoint.id));
      return;
    }
    send.offset += piece.byteLength;
    send.operation.bytes += piece.byteLength;
    endpoint.streamSent += piece.byteLength;
    endpoint.counters.bytesSent += piece.byteLength;
    if (!request) return;
    send.underWay++;
    this.#context.follow(request, piece).onDone = ({ status }) => {
      send.underWay--;
      if (status === 0) this.#settle(send);
      else
        this.#fail(
          send,
          endpoint.failure ?? statusError("sendStream", status, endpoint.id),
        );
    };
  }

  #settle(send: StreamSend): void {
    if (!send.handedOver || send.underWay > 0 || send.operation.isDone) return;
    this.#finish(send.operation, 0);
  }

  #fail(send: StreamSend, error: UcxError): void {
    this.#remove(send);
    if (send.operation.isDone) return;
    this.endpoint.counters.errors++;
    send.operation.failure = error;
    this.#finish(send.operation, error.status ?? canceledStatus);
  }

  #remove(send: StreamSend): void {
    const index = this.#sends.indexOf(send);
    if (index >= 0) this.#sends.splice(index, 1);
  }

  #finish(operation: Operation, status: number): void {
    operation.status = status;
    operation.keep = undefined;
    operation.onDone?.(operation);
  }

  /** Given up: what UCX has is sent all the same, the rest is not. */
  #giveUp(send: StreamSend): void {
    this.#remove(send);
    send.operation.keep = undefined;
    send.operation.failure = new UcxCanceledError(
      `the send was given up; ${send.operation.bytes} bytes of it are on their way`,
      { endpointId: this.endpoint.id, status: canceledStatus },
    );
    this.#advance();
  }
}
