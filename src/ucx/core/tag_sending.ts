/** Sending tagged messages, within the credit that the peer has given. */
import type { Handle } from "../../../ffi/host.ts";
import type { UcpFunctions } from "../../../ffi/ucp/library.ts";
import { IovArray } from "../../../ffi/ucp/request_structs.ts";
import { UcxLimitError, UcxUnsupportedError } from "../errors.ts";
import { statusError } from "../status_errors.ts";
import { NativeData } from "./buffers.ts";
import type { Endpoint } from "./endpoint.ts";
import { NativeSizes } from "./native_sizes.ts";
import type { NativeWorker } from "./native_worker.ts";
import type { Operation } from "./operation.ts";
import type { Requests } from "./requests.ts";
import type { TagCredit } from "./tag_credit.ts";

/** What a message is made of. */
export type TagData = Uint8Array | readonly Uint8Array[] | NativeData;

const nothing = new Uint8Array(new ArrayBuffer(0));

/** The sending half of `TagMessages`. */
export abstract class TagSending {
  readonly #native: NativeWorker;
  readonly #requests: Requests;
  readonly #credit: TagCredit;
  readonly #sizes = new NativeSizes();
  readonly #send: UcpFunctions["ucp_tag_send_nbx"];
  readonly #sendSync: UcpFunctions["ucp_tag_send_sync_nbx"];
  readonly #plain: Handle;

  protected constructor(
    native: NativeWorker,
    requests: Requests,
    credit: TagCredit,
  ) {
    this.#native = native;
    this.#requests = requests;
    this.#credit = credit;
    this.#send = native.functions.ucp_tag_send_nbx;
    this.#sendSync = native.functions.ucp_tag_send_sync_nbx;
    this.#plain = native.params.plain;
  }

  /** Whether the peer has room for one more; if not, it is told that we wait. */
  maySend(endpoint: Endpoint): boolean {
    return this.#credit.maySend(endpoint);
  }

  /**
   * Sends a message. The caller has checked tag, data, state and credit. Gives the operation, or undefined when the data
   * is free again already.
   *
   * @param sync done only when the receiver has taken it
   * @throws {UcxUnsupportedError} when the peer takes no tagged messages
   * @throws {UcxLimitError} when it is longer than the peer takes
   * @throws {UcxError} what UCX says of it
   */
  send(
    endpoint: Endpoint,
    tag: number | bigint,
    given: TagData,
    sync = false,
  ): Operation | undefined {
    // UCX ends the process over an empty list of buffers.
    const data = Array.isArray(given) && given.length === 0 ? nothing : given;
    let keep: unknown = data;
    let sizeBytes: number;
    let request: Handle;
    if (data instanceof Uint8Array) {
      sizeBytes = data.byteLength;
      this.#checkSize(endpoint, sizeBytes);
      const send = sync ? this.#sendSync : this.#send;
      request = send(
        endpoint.handle,
        data,
        this.#sizes.at(sizeBytes),
        endpoint.sendTag(tag),
        this.#plain,
      );
    } else {
      const parts = data instanceof NativeData ? data : new IovArray(data);
      keep = parts;
      sizeBytes = parts.byteLength;
      this.#checkSize(endpoint, sizeBytes);
      request = this.#sendByAddress(endpoint, tag, parts, sync);
    }
    return this.afterSend(endpoint, keep, sizeBytes, request);
  }

  /** What comes of a send that UCX has answered with `request`. @throws {UcxError} what UCX says of it */
  afterSend(
    endpoint: Endpoint,
    keep: unknown,
    sizeBytes: number,
    request: Handle,
  ): Operation | undefined {
    if (request < 0) {
      endpoint.counters.errors++;
      throw statusError("sendTag", Number(request), endpoint.id);
    }
    endpoint.sent++;
    endpoint.counters.messagesSent++;
    endpoint.counters.bytesSent += sizeBytes;
    if (!request) return undefined;
    const operation = this.#requests.add("plain", request, keep);
    operation.endpoint = endpoint;
    operation.bytes = sizeBytes;
    return operation;
  }

  #sendByAddress(
    endpoint: Endpoint,
    tag: number | bigint,
    data: NativeData | IovArray,
    sync: boolean,
  ): Handle {
    const { library, params } = this.#native;
    const { ucp_tag_send_nbx, ucp_tag_send_sync_nbx } =
      library.addressFunctions;
    const send = sync ? ucp_tag_send_sync_nbx : ucp_tag_send_nbx;
    return send(
      endpoint.handle,
      data.handle,
      this.#sizes.at(data instanceof NativeData ? data.byteLength : data.count),
      endpoint.sendTag(tag),
      data instanceof NativeData
        ? params.ofMemory(data.memoryType)
        : params.iov,
    );
  }

  #checkSize(endpoint: Endpoint, sizeBytes: number): void {
    if (!endpoint.peerTakesTags)
      throw new UcxUnsupportedError(
        `endpoint ${endpoint.id}: its peer was made without enableTag`,
        { endpointId: endpoint.id },
      );
    if (sizeBytes > endpoint.peerMessageBytesMax)
      throw new UcxLimitError(
        `the peer takes messages of at most ${endpoint.peerMessageBytesMax} bytes, this one has ${sizeBytes}`,
        { endpointId: endpoint.id },
      );
  }
}
