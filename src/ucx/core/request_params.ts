/** How operations are to be done: one `ucp_request_param_t` for each way, since UCX only reads it during the call. */
import type { Handle } from "../../../ffi/host.ts";
import {
  UCP_AM_SEND_FLAG,
  UCP_DATATYPE,
  UCP_EP_CLOSE_FLAG,
} from "../../../ffi/ucp/constants.ts";
import {
  alwaysRequest,
  createRequestParameters,
  onlyAtOnce,
  type RequestOptions,
} from "../../../ffi/ucp/request_structs.ts";

/** The parameters of one worker's operations, as addresses. */
export class RequestParams {
  readonly #kept: unknown[] = [];
  /** Bytes, and done at once where that is possible. */
  readonly plain: Handle = this.#make({});
  /** Always a request: a tagged message that is received at once would tell neither tag nor length. */
  readonly receive: Handle = this.#make({ attributes: alwaysRequest });
  /** Done at once or not at all: then the message is still to be received. */
  readonly atOnce: Handle = this.#make({ attributes: onlyAtOnce });
  /** Data in several buffers. */
  readonly iov: Handle = this.#make({ datatype: UCP_DATATYPE.IOV });
  /** Closes without asking the peer. */
  readonly force: Handle = this.#make({ flags: UCP_EP_CLOSE_FLAG.FORCE });
  /** Shows the receiver which endpoint an active message came by. */
  readonly reply: Handle = this.#make({ flags: UCP_AM_SEND_FLAG.REPLY });

  readonly #ofMemory = new Map<number, Handle>();

  /**
   * Bytes in memory of a kind.
   *
   * @param memoryType one of `UCS_MEMORY_TYPE`
   * @param attributes bits of `UCP_OP_ATTR_FLAG`
   */
  ofMemory(memoryType: number, attributes = 0): Handle {
    const key = memoryType + attributes;
    let params = this.#ofMemory.get(key);
    if (params === undefined) {
      params = this.#make({ memoryType, attributes });
      this.#ofMemory.set(key, params);
    }
    return params;
  }

  #make(options: RequestOptions): Handle {
    const params = createRequestParameters(options);
    this.#kept.push(params);
    return params.handle;
  }
}
