/**
 * Active messages of the user: each kind has an id and a handler at the receiver. UCX calls us within its progress; the
 * handlers run after it. Long messages are announced, and fetched when there is room.
 */
import {
  type Handle,
  handleOf,
  openCallback,
  sizeAt,
} from "../../../ffi/host.ts";
import {
  ActiveMessageParameters,
  createActiveMessageHandler,
} from "../../../ffi/ucp/active_message_structs.ts";
import {
  UCP_AM_FLAG,
  UCP_AM_SEND_FLAG,
  UCP_DATATYPE,
} from "../../../ffi/ucp/constants.ts";
import { copyOf } from "../../../ffi/ucp/native_memory.ts";
import {
  createRequestParameters,
  IovArray,
} from "../../../ffi/ucp/request_structs.ts";
import { ucpCallbacks } from "../../../ffi/ucp/symbols.ts";
import { dataBytes, type MessageData } from "../core/buffers.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { NativeBytes } from "../core/native_bytes.ts";
import type { NativeWorker } from "../core/native_worker.ts";
import type { Operation } from "../core/operation.ts";
import type { Requests } from "../core/requests.ts";
import { UcxLimitError } from "../errors.ts";
import { checkStatus, statusError } from "../status_errors.ts";
import { ActiveMessage } from "./active_message.ts";

/** Handles messages of one kind. What it throws, or rejects with, becomes an error event of the worker. */
export type ActiveMessageHandler = (
  message: ActiveMessage,
) => void | Promise<void>;

/** How messages of one kind are received. */
export interface ActiveMessageOptions {
  /** Leaves data in UCX's memory where possible, until the handler releases the message. @default false: it is copied */
  readonly hold?: boolean | undefined;
}

/** How an active message is sent. */
export interface ActiveMessageSendOptions {
  /** Lets the receiver know by which connection it came. @default true, in raw mode false */
  readonly reply?: boolean | undefined;
  /** Eager copies at both ends; rendezvous waits until the receiver fetches. @default UCX decides by the length */
  readonly protocol?: "eager" | "rendezvous" | undefined;
}

/** What it needs of the worker. */
export interface ActiveMessagesContext {
  readonly native: NativeWorker;
  readonly requests: Requests;
  readonly raw: boolean;
  readonly maxMessageSize: number;
  byHandle(handle: Handle): Endpoint | undefined;
  /** A handler threw, or a message could not be fetched. */
  onError(error: unknown): void;
}

interface Registration {
  readonly handler: ActiveMessageHandler;
  readonly hold: boolean;
}

interface Arrival {
  readonly id: number;
  readonly endpoint: Endpoint | undefined;
  readonly header: Uint8Array<ArrayBuffer>;
  /** Undefined when it must be fetched by its descriptor. */
  readonly data: Uint8Array<ArrayBuffer> | NativeBytes | undefined;
  readonly descriptor: Handle;
  readonly byteLength: number;
  /** Longer than we take: UCX has it back. */
  readonly refused: boolean;
}

/** Memory of messages that are being fetched; one that is longer is fetched alone. */
const fetchBytesMax = 64 * 2 ** 20;
const ok = 0;
const inProgress = 1;

/** Active messages of one worker. */
export class ActiveMessages {
  readonly #context: ActiveMessagesContext;
  readonly #registrations = new Map<number, Registration>();
  readonly #params = new Map<
    number,
    ReturnType<typeof createRequestParameters>
  >();
  /** What UCX has told within its progress. */
  readonly #arrivals: Arrival[] = [];
  /** Announced ones, for which there was no room. */
  readonly #announced: Arrival[] = [];
  readonly #held = new Set<NativeBytes>();
  readonly #received = new ActiveMessageParameters();
  #callback: ReturnType<typeof openCallback> | undefined;
  #fetching = 0;
  #fetchingBytes = 0;

  constructor(context: ActiveMessagesContext) {
    this.#context = context;
  }

  /**
   * Sets the handler of an id; it replaces another one.
   *
   * @throws {UcxError} what UCX says of it
   */
  on(
    id: number,
    handler: ActiveMessageHandler,
    options: ActiveMessageOptions,
  ): void {
    const { native } = this.#context;
    const hold = options.hold === true;
    this.#callback ??= native.adopt(
      openCallback(
        ucpCallbacks.activeMessage,
        (argument, header, headerBytes, data, bytes, parameters) =>
          this.#onMessage(
            Number(argument),
            header,
            Number(headerBytes),
            data,
            Number(bytes),
            parameters,
          ),
      ),
    );
    checkStatus(
      native.functions.ucp_worker_set_am_recv_handler(
        native.worker,
        createActiveMessageHandler({
          id,
          flags:
            UCP_AM_FLAG.WHOLE_MSG | (hold ? UCP_AM_FLAG.PERSISTENT_DATA : 0),
          onMessage: { callback: this.#callback.pointer, argument: id },
        }).bytes,
      ),
      "onActiveMessage",
    );
    this.#registrations.set(id, { handler, hold });
  }

  /** Takes a handler away, if it still is the one: further messages of that id are dropped. */
  off(id: number, handler: ActiveMessageHandler): void {
    if (this.#registrations.get(id)?.handler === handler)
      this.#registrations.delete(id);
  }

  /**
   * Begins to send. Gives the operation, or undefined when header and data are free again already. All is checked.
   *
   * @throws {UcxLimitError} when it is longer than the peer takes
   * @throws {UcxError} what UCX says of it
   */
  send(
    endpoint: Endpoint,
    id: number,
    header: Uint8Array,
    data: MessageData,
    options: ActiveMessageSendOptions,
  ): Operation | undefined {
    const { native, requests } = this.#context;
    const sizeBytes = dataBytes(data);
    if (sizeBytes > endpoint.peerMessageBytesMax)
      throw new UcxLimitError(
        `the peer takes messages of at most ${endpoint.peerMessageBytesMax} bytes, this one has ${sizeBytes}`,
        { endpointId: endpoint.id },
      );
    const parts = data instanceof Uint8Array ? undefined : new IovArray(data);
    const params = this.#paramsOf(options, parts !== undefined);
    const request = native.library.addressFunctions.ucp_am_send_nbx(
      endpoint.handle,
      id,
      handleOf(header),
      sizeAt(header.byteLength),
      data instanceof Uint8Array ? handleOf(data) : (parts?.handle ?? 0),
      sizeAt(parts?.count ?? sizeBytes),
      params,
    );
    if (request < 0) {
      endpoint.counters.errors++;
      throw statusError("sendActiveMessage", Number(request), endpoint.id);
    }
    endpoint.counters.messagesSent++;
    endpoint.counters.bytesSent += sizeBytes;
    if (!request) return undefined;
    const operation = requests.add("plain", request, [header, data, parts]);
    operation.endpoint = endpoint;
    return operation;
  }

  /** Done at each turn of progress: runs handlers. Gives how many messages there were. */
  step(): number {
    let done = 0;
    for (;;) {
      const arrival = this.#arrivals.shift();
      if (arrival === undefined) return done;
      done++;
      if (arrival.refused) this.#tellRefused(arrival);
      else if (arrival.data !== undefined)
        this.#dispatch(arrival, arrival.data);
      else if (this.#hasRoom(arrival)) this.#fetch(arrival);
      else this.#announced.push(arrival);
    }
  }

  /** Before the worker goes. */
  destroy(): void {
    for (const bytes of [...this.#held]) bytes.keep();
    for (const arrival of this.#arrivals.splice(0)) {
      if (arrival.data === undefined && !arrival.refused) this.#drop(arrival);
    }
    for (const arrival of this.#announced.splice(0)) this.#drop(arrival);
  }

  /** Within UCX: only records, and must not throw. */
  #onMessage(
    id: number,
    header: Handle,
    headerBytes: number,
    data: Handle,
    byteLength: number,
    parameters: Handle,
  ): number {
    const registration = this.#registrations.get(id);
    if (registration === undefined) return ok;
    const received = this.#received.load(parameters);
    const { isRendezvous, isKeepable, replyEndpoint } = received;
    const arrival = {
      id,
      endpoint: replyEndpoint
        ? this.#context.byHandle(replyEndpoint)
        : undefined,
      header: copyOf(header, headerBytes),
      descriptor: data,
      byteLength,
    };
    if (byteLength > this.#context.maxMessageSize) {
      this.#arrivals.push({ ...arrival, data: undefined, refused: true });
      // Any other status than this makes UCX 1.13 abort the process.
      return ok;
    }
    const holds = !isRendezvous && registration.hold && isKeepable;
    this.#arrivals.push({
      ...arrival,
      refused: false,
      data: isRendezvous
        ? undefined
        : holds
          ? this.#hold(data, byteLength)
          : copyOf(data, byteLength),
    });
    return isRendezvous || holds ? inProgress : ok;
  }

  #hold(data: Handle, byteLength: number): NativeBytes {
    const { functions, worker } = this.#context.native;
    const bytes = new NativeBytes(data, byteLength, (native) => {
      this.#held.delete(bytes);
      functions.ucp_am_data_release(worker, native);
    });
    this.#held.add(bytes);
    return bytes;
  }

  #dispatch(
    { id, endpoint, header }: Arrival,
    data: Uint8Array<ArrayBuffer> | NativeBytes,
  ): void {
    const registration = this.#registrations.get(id);
    if (registration === undefined) {
      if (!(data instanceof Uint8Array)) data.release();
      return;
    }
    if (endpoint !== undefined) {
      endpoint.counters.messagesReceived++;
      endpoint.counters.bytesReceived += data.byteLength;
    }
    const { onError } = this.#context;
    try {
      const endpointId = endpoint?.id;
      const message = new ActiveMessage({ id, endpointId, header, data });
      const result: unknown = registration.handler(message);
      if (result instanceof Promise) result.catch(onError);
    } catch (error) {
      onError(error);
    }
  }

  #tellRefused({ id, endpoint, byteLength }: Arrival): void {
    this.#context.onError(
      new UcxLimitError(
        `active message ${id} of ${byteLength} bytes was refused, allowed ${this.#context.maxMessageSize} (maxMessageSize)`,
        { endpointId: endpoint?.id },
      ),
    );
  }

  #hasRoom({ byteLength }: Arrival): boolean {
    return (
      this.#fetching === 0 ||
      (this.#announced.length === 0 &&
        this.#fetchingBytes + byteLength <= fetchBytesMax)
    );
  }

  #fetch(arrival: Arrival): void {
    const { native, requests } = this.#context;
    let buffer: Uint8Array<ArrayBuffer>;
    try {
      buffer = new Uint8Array(new ArrayBuffer(arrival.byteLength));
    } catch (error) {
      this.#drop(arrival);
      this.#context.onError(error);
      return;
    }
    const request = native.functions.ucp_am_recv_data_nbx(
      native.worker,
      arrival.descriptor,
      buffer,
      sizeAt(arrival.byteLength),
      native.params.plain,
    );
    if (request > 0) {
      this.#fetching++;
      this.#fetchingBytes += arrival.byteLength;
      requests.add("plain", request, buffer).onDone = ({ status }) => {
        this.#fetching--;
        this.#fetchingBytes -= arrival.byteLength;
        this.#fetched(arrival, status, buffer);
        this.#fetchNext();
      };
    } else this.#fetched(arrival, Number(request), buffer);
  }

  #fetched(
    arrival: Arrival,
    status: number,
    buffer: Uint8Array<ArrayBuffer>,
  ): void {
    if (status === ok) this.#dispatch(arrival, buffer);
    else
      this.#context.onError(
        statusError(
          `active message ${arrival.id} of ${arrival.byteLength} bytes`,
          status,
          arrival.endpoint?.id,
        ),
      );
  }

  #fetchNext(): void {
    for (;;) {
      const [next] = this.#announced;
      if (next === undefined) return;
      const fits =
        this.#fetching === 0 ||
        this.#fetchingBytes + next.byteLength <= fetchBytesMax;
      if (!fits) return;
      this.#announced.shift();
      this.#fetch(next);
    }
  }

  #drop({ descriptor }: Arrival): void {
    const { functions, worker } = this.#context.native;
    functions.ucp_am_data_release(worker, descriptor);
  }

  #paramsOf(options: ActiveMessageSendOptions, scattered: boolean): Handle {
    const { reply = !this.#context.raw, protocol } = options;
    let flags = reply ? UCP_AM_SEND_FLAG.REPLY : 0;
    if (protocol === "eager") flags |= UCP_AM_SEND_FLAG.EAGER;
    if (protocol === "rendezvous") flags |= UCP_AM_SEND_FLAG.RNDV;
    const kind = flags * 2 + (scattered ? 1 : 0);
    let params = this.#params.get(kind);
    if (params === undefined) {
      params = createRequestParameters({
        flags,
        ...(scattered ? { datatype: UCP_DATATYPE.IOV } : {}),
      });
      this.#params.set(kind, params);
    }
    return params.handle;
  }
}
