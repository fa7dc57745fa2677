/** The same as the shim does, by calls of libucp from JavaScript: for programs that come without the shim. */
import type { Handle } from "../host.ts";
import type { UcpFunctions } from "./library.ts";
import { TagReceiveInfo } from "./request_structs.ts";
import { TAKE, type TagPattern, type TagPort } from "./tag_port.ts";

/** Messages may come without UCX counting them; it is asked at least so often, in turns (a power of two). */
const turnsPerLook = 16;

/** Without the shim. */
export class DirectTagPort implements TagPort {
  readonly #functions: UcpFunctions;
  readonly #worker: Handle;
  readonly #params: Handle;
  readonly #info = new TagReceiveInfo();
  readonly #sizeAt: (sizeBytes: number) => number | bigint;
  message: Handle = 0;
  status = 0;
  events = 0;

  /**
   * @param worker `ucp_worker_h`
   * @param params of each receive: `onlyAtOnce`; to be kept by the caller
   * @param sizeAt a size in the runtime's own form
   */
  constructor(
    functions: UcpFunctions,
    worker: Handle,
    params: Handle,
    sizeAt: (sizeBytes: number) => number | bigint,
  ) {
    this.#functions = functions;
    this.#worker = worker;
    this.#params = params;
    this.#sizeAt = sizeAt;
  }

  take(pattern: TagPattern, buffer: Uint8Array, turns: number): number {
    const found = this.#find(pattern, turns);
    if (!found) return TAKE.nothing;
    if (this.length > buffer.byteLength) {
      this.message = found;
      return TAKE.tooLong;
    }
    const result = this.#functions.ucp_tag_msg_recv_nbx(
      this.#worker,
      buffer,
      this.#sizeAt(this.length),
      found,
      this.#params,
    );
    if (!result) return TAKE.taken;
    this.message = found;
    this.status = Number(result);
    return TAKE.refused;
  }

  #find({ tag, mask }: TagPattern, turns: number): Handle {
    const { ucp_tag_probe_nb, ucp_worker_progress } = this.#functions;
    let turn = 0;
    let happened = 0;
    this.events = 0;
    for (;;) {
      const found = ucp_tag_probe_nb(
        this.#worker,
        tag,
        mask,
        1,
        this.#info.handle,
      );
      if (found || happened > 0) return found;
      do {
        if (turn === turns) return 0;
        turn++;
        happened = ucp_worker_progress(this.#worker);
        this.events += happened;
      } while (happened === 0 && turn % turnsPerLook !== 0);
    }
  }

  progress(turns: number): number {
    for (let turn = 0; turn < turns; turn++) {
      const happened = this.#functions.ucp_worker_progress(this.#worker);
      if (happened > 0) return happened;
    }
    return 0;
  }

  get length(): number {
    return this.#info.length;
  }

  get tagUpper(): number {
    return this.#info.tagUpper;
  }

  get tagLower(): number {
    return this.#info.tagLower;
  }
}
