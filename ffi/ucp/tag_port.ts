/** Receiving tagged messages in one call instead of three, by the shim: `ffi/c/ringwire_ucp.h`. */
import { FfiError } from "../errors.ts";
import {
  type Handle,
  handleAt,
  handleOf,
  type NativeFunctions,
  type SymbolTable,
} from "../host.ts";
import { bindMoreOfShim } from "../shm/symbols.ts";
import { cString } from "./native_memory.ts";

const tagPortSymbols = {
  // int32_t rwu_bind(void *port, const void *library);
  rwu_bind: { parameters: ["handle", "bytes"], result: "i32" },
  // int32_t rwu_take(void *port, const void *match, void *buffer, uint32_t capacity, uint32_t turns);
  rwu_take: {
    parameters: ["handle", "handle", "buffer", "u32", "u32"],
    result: "i32",
  },
  // int32_t rwu_progress(void *port, uint32_t turns);
  rwu_progress: { parameters: ["handle", "u32"], result: "i32" },
} as const satisfies SymbolTable;

type TagPortFunctions = NativeFunctions<typeof tagPortSymbols>;

/** What `rwu_take` gives. */
export const TAKE = {
  /** The message is in the buffer. */
  taken: 0,
  /** There is none; something else happened, or there were no more turns. */
  nothing: 1,
  /** It is longer than the buffer, and was removed from UCX; `message` is to be received. */
  tooLong: 2,
  /** UCX did not receive it at once: `status` says why. */
  refused: 3,
} as const;

/** `struct rwu_port`: offsets in words of 4 bytes. */
const port = {
  bytes: 80,
  worker: 0,
  params: 2,
  senderTag: 10,
  length: 12,
  message: 14,
  status: 16,
  events: 18,
} as const;

/** Longest buffer that is told of; no longer message is received at once. */
const capacityMax = 0xffff_ffff;

let opened: TagPortFunctions | undefined;

/** Which messages are taken. */
export interface TagPattern {
  readonly tag: Handle;
  readonly mask: Handle;
  /** The address of both, 64 bits each. */
  readonly handle: Handle;
}

/** Receives for one worker; belongs to its thread. */
export interface TagPort {
  /**
   * Takes the next message that matches, if it fits the buffer and can be received at once. While there is none, UCX
   * progresses, until something happens.
   *
   * @param turns of progress at most
   * @returns one of `TAKE`
   */
  take(pattern: TagPattern, buffer: Uint8Array, turns: number): number;
  /** Lets UCX progress, at most so many turns and until it counts something. Gives what it counted. */
  progress(turns: number): number;
  /** Of the message that was taken or found last, in bytes. */
  readonly length: number;
  /** Upper half of its tag. */
  readonly tagUpper: number;
  /** Lower half of its tag. */
  readonly tagLower: number;
  /** `ucp_tag_message_h` of one that was found and not taken. */
  readonly message: Handle;
  /** `ucs_status_ptr_t` of one that was refused. */
  readonly status: number;
  /** What UCX has counted in the turns of the last call. */
  readonly events: number;
}

/** By the shim. */
export class ShimTagPort implements TagPort {
  readonly #memory = new ArrayBuffer(port.bytes);
  readonly #words = new Uint32Array(this.#memory);
  readonly #longs = new BigInt64Array(this.#memory);
  readonly #handle: Handle = handleOf(this.#words);
  readonly #take: TagPortFunctions["rwu_take"];
  readonly #progress: TagPortFunctions["rwu_progress"];

  /**
   * @param library the path or name under which libucp was loaded
   * @param worker `ucp_worker_h`
   * @param params of each receive: `onlyAtOnce`; to be kept by the caller
   * @throws {FfiError} when the shim is missing, or libucp lacks a function
   */
  constructor(library: string, worker: Handle, params: Handle) {
    opened ??= bindMoreOfShim(tagPortSymbols);
    this.#longs[port.worker / 2] = BigInt(worker);
    this.#longs[port.params / 2] = BigInt(params);
    const result = opened.rwu_bind(this.#handle, cString(library));
    if (result !== 0)
      throw new FfiError(
        "UCP_NOT_BOUND",
        `${library} cannot be bound by the shim (${result})`,
      );
    this.#take = opened.rwu_take;
    this.#progress = opened.rwu_progress;
  }

  take(pattern: TagPattern, buffer: Uint8Array, turns: number): number {
    const { byteLength } = buffer;
    return this.#take(
      this.#handle,
      pattern.handle,
      buffer,
      Math.min(byteLength, capacityMax),
      turns,
    );
  }

  progress(turns: number): number {
    return this.#progress(this.#handle, turns);
  }

  get length(): number {
    return (
      (this.#words[port.length + 1] as number) * 2 ** 32 +
      (this.#words[port.length] as number)
    );
  }

  get tagUpper(): number {
    return this.#words[port.senderTag + 1] as number;
  }

  get tagLower(): number {
    return this.#words[port.senderTag] as number;
  }

  get message(): Handle {
    return handleAt(this.#longs[port.message / 2] as bigint);
  }

  get status(): number {
    return Number(this.#longs[port.status / 2]);
  }

  get events(): number {
    return this.#words[port.events] as number;
  }
}
