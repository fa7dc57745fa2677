/** Structures of active messages. */
import { type Handle, handleAt } from "../host.ts";
import {
  UCP_AM_HANDLER_PARAM_FIELD,
  UCP_AM_RECV_ATTR_FIELD,
  UCP_AM_RECV_ATTR_FLAG,
} from "./constants.ts";
import type { CallbackTarget } from "./endpoint_structs.ts";
import { ucpLayout } from "./layout.ts";
import { copyInto } from "./native_memory.ts";
import { NativeStruct } from "./native_struct.ts";

/** What `ucp_worker_set_am_recv_handler` is told. */
export interface ActiveMessageHandlerOptions {
  /** 0 to 65535; small numbers, since UCX has a table with an entry for each up to the largest. */
  readonly id: number;
  /** A `ucpCallbacks.activeMessage`. */
  readonly onMessage: CallbackTarget;
  /** Bits of `UCP_AM_FLAG`. @default 0 */
  readonly flags?: number;
}

/** `ucp_am_handler_param_t` */
export function createActiveMessageHandler(
  options: ActiveMessageHandlerOptions,
): NativeStruct<typeof ucpLayout.ucp_am_handler_param_t> {
  const field = UCP_AM_HANDLER_PARAM_FIELD;
  return new NativeStruct(ucpLayout.ucp_am_handler_param_t)
    .addToMask(field.ID | field.FLAGS | field.CB | field.ARG)
    .write("id", options.id)
    .write("flags", options.flags ?? 0)
    .point("cb", options.onMessage.callback)
    .point("arg", options.onMessage.argument ?? 0);
}

/** `ucp_am_recv_param_t`, the last argument of an active message's callback. Reusable: the values of the last `load`. */
export class ActiveMessageParameters {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #replyEndpoint: BigUint64Array<ArrayBuffer>;

  constructor() {
    const { size, fields } = ucpLayout.ucp_am_recv_param_t;
    const memory = new ArrayBuffer(size);
    this.#bytes = new Uint8Array(memory);
    this.#words = new Uint32Array(memory, fields.recv_attr.offset, 1);
    this.#replyEndpoint = new BigUint64Array(memory, fields.reply_ep.offset, 1);
  }

  /** Copies the structure, which is UCX's and gone after the callback. */
  load(parameters: Handle): this {
    copyInto(this.#bytes, parameters, this.#bytes.byteLength);
    return this;
  }

  /** The endpoint to the sender; none without `UCP_AM_SEND_FLAG.REPLY`. */
  get replyEndpoint(): Handle {
    return this.#has(UCP_AM_RECV_ATTR_FIELD.REPLY_EP)
      ? handleAt(this.#replyEndpoint[0] ?? 0n)
      : handleAt(0);
  }

  /** The data may be kept beyond the callback (return `UCS_INPROGRESS`) until `ucp_am_data_release`. */
  get isKeepable(): boolean {
    return this.#has(UCP_AM_RECV_ATTR_FLAG.DATA);
  }

  /** The data is not here yet: what the callback got is a descriptor for `ucp_am_recv_data_nbx`. */
  get isRendezvous(): boolean {
    return this.#has(UCP_AM_RECV_ATTR_FLAG.RNDV);
  }

  #has(bit: number): boolean {
    return ((this.#words[0] ?? 0) & bit) !== 0;
  }
}
