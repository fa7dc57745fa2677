/** Structures of single operations: tags, streams, requests and scattered data. */
import { type Handle, handleAt, handleOf } from "../host.ts";
import {
  UCP_DATATYPE,
  UCP_OP_ATTR_FIELD,
  UCP_OP_ATTR_FLAG,
  UCP_REQUEST_ATTR_FIELD,
} from "./constants.ts";
import { ucpLayout } from "./layout.ts";
import { NativeStruct } from "./native_struct.ts";

/** What an operation is told besides its arguments. */
export interface RequestOptions {
  /** Bits of `UCP_OP_ATTR_FLAG`. Tag receives want `NO_IMM_CMPL`: one that is done inline gives neither tag nor length. @default 0 */
  readonly attributes?: number;
  /** Bits that mean something for one function only: `UCP_EP_CLOSE_FLAG`, `UCP_STREAM_RECV_FLAG`, `UCP_AM_SEND_FLAG`. @default 0 */
  readonly flags?: number;
  /** `contiguous(elementSize)` or `UCP_DATATYPE.IOV`: what the count counts. @default contiguous bytes */
  readonly datatype?: number;
  /** One of `UCS_MEMORY_TYPE`. @default UCX looks at the address */
  readonly memoryType?: number;
  /** Where an atomic operation puts the old value; 8-byte aligned, alive until it is complete. */
  readonly replyBuffer?: ArrayBufferView | Handle;
  /** `ucp_mem_h` of the data, when it was mapped. @default none */
  readonly memoryHandle?: Handle;
}

/** The datatype of elements without gaps; atomic operations want one of 4 or 8 bytes. */
export function contiguous(elementSize: number): number {
  return elementSize * 2 ** UCP_DATATYPE.SHIFT;
}

/**
 * `ucp_request_param_t`. UCX reads it during the call only, so one serves all operations of a kind: keep it, and pass its
 * `handle`.
 */
export function createRequestParameters(
  options: RequestOptions = {},
): NativeStruct<typeof ucpLayout.ucp_request_param_t> {
  const struct = new NativeStruct(ucpLayout.ucp_request_param_t);
  const mark = (bits: number) => struct.addToMask(bits, "op_attr_mask");
  mark(options.attributes ?? 0);
  if (options.flags !== undefined && options.flags !== 0) {
    mark(UCP_OP_ATTR_FIELD.FLAGS).write("flags", options.flags);
  }
  if (options.datatype !== undefined) {
    mark(UCP_OP_ATTR_FIELD.DATATYPE).write("datatype", options.datatype);
  }
  if (options.memoryType !== undefined) {
    mark(UCP_OP_ATTR_FIELD.MEMORY_TYPE).write(
      "memory_type",
      options.memoryType,
    );
  }
  if (options.replyBuffer !== undefined) {
    mark(UCP_OP_ATTR_FIELD.REPLY_BUFFER).point(
      "reply_buffer",
      options.replyBuffer,
    );
  }
  if (options.memoryHandle !== undefined) {
    mark(UCP_OP_ATTR_FIELD.MEMH).point("memh", options.memoryHandle);
  }
  return struct;
}

/** Bits of `RequestOptions.attributes` for an operation that always gives a request. */
export const alwaysRequest: number = UCP_OP_ATTR_FLAG.NO_IMM_CMPL;

/**
 * Bits of `RequestOptions.attributes` for an operation that is done within the call, or else refused with
 * `UCS_ERR_NO_RESOURCE`. A message that was probed and removed stays to be received then.
 */
export const onlyAtOnce: number = UCP_OP_ATTR_FLAG.FORCE_IMM_CMPL;

/** `ucp_request_attr_t` with room for a text, to be filled by `ucp_request_query`. */
export class RequestAttributes extends NativeStruct<
  typeof ucpLayout.ucp_request_attr_t
> {
  readonly #text: Uint8Array<ArrayBuffer>;

  /** @param textBytesMax `WorkerAttributes.maxInfoText`. @default 256 */
  constructor(textBytesMax = 256) {
    super(ucpLayout.ucp_request_attr_t);
    this.#text = new Uint8Array(new ArrayBuffer(textBytesMax));
    this.addToMask(
      UCP_REQUEST_ATTR_FIELD.INFO_STRING |
        UCP_REQUEST_ATTR_FIELD.INFO_STRING_SIZE |
        UCP_REQUEST_ATTR_FIELD.STATUS |
        UCP_REQUEST_ATTR_FIELD.MEM_TYPE,
    )
      .point("debug_string", this.#text)
      .write("debug_string_size", textBytesMax);
  }

  /** What the operation is and how it is done, in UCX's words. */
  get text(): string {
    const end = this.#text.indexOf(0);
    return new TextDecoder().decode(
      end < 0 ? this.#text : this.#text.subarray(0, end),
    );
  }

  get status(): number {
    return (this.readNumber("status") << 24) >> 24;
  }

  /** One of `UCS_MEMORY_TYPE`. */
  get memoryType(): number {
    return this.readNumber("mem_type");
  }
}

/** `ucp_tag_recv_info_t`. Reusable; reading the length costs next to nothing, the tag makes a bigint. */
export class TagReceiveInfo {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The address; keep this object reachable. */
  readonly handle: Handle;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #tag: BigUint64Array<ArrayBuffer>;
  readonly #tagWords: Uint32Array<ArrayBuffer>;

  constructor() {
    const { size, fields } = ucpLayout.ucp_tag_recv_info_t;
    const memory = new ArrayBuffer(size);
    this.bytes = new Uint8Array(memory);
    this.handle = handleOf(this.bytes);
    this.#words = new Uint32Array(memory, fields.length.offset, 2);
    this.#tag = new BigUint64Array(memory, fields.sender_tag.offset, 1);
    this.#tagWords = new Uint32Array(memory, fields.sender_tag.offset, 2);
  }

  /** Of the message, in bytes; exact up to 2^53. */
  get length(): number {
    return (this.#words[1] ?? 0) * 2 ** 32 + (this.#words[0] ?? 0);
  }

  get senderTag(): bigint {
    return this.#tag[0] ?? 0n;
  }

  /** Upper 32 bits of the tag, without a bigint. */
  get tagUpper(): number {
    return this.#tagWords[1] ?? 0;
  }

  /** Lower 32 bits of the tag. */
  get tagLower(): number {
    return this.#tagWords[0] ?? 0;
  }
}

/** An array of `ucp_stream_poll_ep_t` for `ucp_stream_worker_poll`. Reusable. */
export class StreamPollEntries {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The address; keep this object reachable. */
  readonly handle: Handle;
  readonly capacity: number;
  readonly #view: DataView<ArrayBuffer>;

  /** @throws {RangeError} when `capacity` is not a positive integer */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`capacity must be an integer >= 1, got ${capacity}`);
    }
    this.capacity = capacity;
    this.bytes = new Uint8Array(
      new ArrayBuffer(capacity * ucpLayout.ucp_stream_poll_ep_t.size),
    );
    this.#view = new DataView(this.bytes.buffer);
    this.handle = handleOf(this.bytes);
  }

  /** An endpoint that has data. */
  endpointAt(index: number): Handle {
    return this.#read(index, ucpLayout.ucp_stream_poll_ep_t.fields.ep.offset);
  }

  /** The `argument` of the endpoint's error handler. */
  userDataAt(index: number): Handle {
    return this.#read(
      index,
      ucpLayout.ucp_stream_poll_ep_t.fields.user_data.offset,
    );
  }

  #read(index: number, offset: number): Handle {
    const entry = index * ucpLayout.ucp_stream_poll_ep_t.size;
    return handleAt(this.#view.getBigUint64(entry + offset, true));
  }
}

/** A piece of scattered data: a view, or memory that is not JavaScript's. */
export type IovPart =
  ArrayBufferView | { readonly address: Handle; readonly byteLength: number };

/**
 * An array of `ucp_dt_iov_t`: give its `handle` as the data and its `count` as the count, with `UCP_DATATYPE.IOV`. It
 * keeps its parts reachable; keep it reachable itself until the operation is complete.
 */
export class IovArray {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly handle: Handle;
  readonly count: number;
  /** The sum of the parts, in bytes. */
  readonly byteLength: number;
  readonly parts: readonly IovPart[];

  constructor(parts: readonly IovPart[]) {
    const { size, fields } = ucpLayout.ucp_dt_iov_t;
    this.parts = parts;
    this.count = parts.length;
    this.bytes = new Uint8Array(new ArrayBuffer(parts.length * size));
    const view = new DataView(this.bytes.buffer);
    let total = 0;
    for (const [index, part] of parts.entries()) {
      const entry = index * size;
      const address = ArrayBuffer.isView(part) ? handleOf(part) : part.address;
      view.setBigUint64(entry + fields.buffer.offset, BigInt(address), true);
      view.setBigUint64(
        entry + fields.length.offset,
        BigInt(part.byteLength),
        true,
      );
      total += part.byteLength;
    }
    this.byteLength = total;
    this.handle = handleOf(this.bytes);
  }
}
