/** What may be given to UCX as memory. */
import { type Handle, handleAt } from "../../../ffi/host.ts";
import { UCS_MEMORY_TYPE } from "../../../ffi/ucp/constants.ts";

/** One buffer, or several that make up one message in their order. */
export type MessageData = Uint8Array | readonly Uint8Array[];

/** Kinds of memory that UCX may know. */
export type MemoryType =
  "host" | "cuda" | "cuda-managed" | "rocm" | "rocm-managed";

/** Memory that is not JavaScript's: of a device, or of another library. The caller keeps it alive while it is in use. */
export interface NativeMemory {
  readonly address: number | bigint;
  readonly byteLength: number;
  /** What it is; this UCX must have been built for it. @default "host" */
  readonly memoryType?: MemoryType | undefined;
}

/** Native memory that was checked, in UCX's terms. */
export class NativeData {
  readonly handle: Handle;
  readonly byteLength: number;
  /** One of `UCS_MEMORY_TYPE`. */
  readonly memoryType: number;

  /**
   * @throws {TypeError} when it is none of the kinds above
   * @throws {RangeError} when address or length are out of range
   */
  constructor(memory: NativeMemory, what: string) {
    const { address, byteLength, memoryType = "host" } = memory;
    if (typeof address !== "number" && typeof address !== "bigint")
      throw new TypeError(
        `${what}: given ${typeof memory}, allowed a Uint8Array or { address, byteLength, memoryType }`,
      );
    if (
      !Number.isSafeInteger(byteLength) ||
      byteLength < 0 ||
      address < 0 ||
      address > Number.MAX_SAFE_INTEGER
    )
      throw new RangeError(
        `${what}: given ${byteLength} bytes at ${address}, allowed integers from 0 to 2^53 - 1`,
      );
    const type = memoryTypes[memoryType];
    if (type === undefined)
      throw new TypeError(
        `${what}: memoryType: given ${JSON.stringify(memoryType)}, allowed ${Object.keys(memoryTypes).join(", ")}`,
      );
    this.handle = handleAt(address);
    this.byteLength = byteLength;
    this.memoryType = type;
  }
}

const memoryTypes: Readonly<Record<MemoryType, number>> = {
  host: UCS_MEMORY_TYPE.HOST,
  cuda: UCS_MEMORY_TYPE.CUDA,
  "cuda-managed": UCS_MEMORY_TYPE.CUDA_MANAGED,
  rocm: UCS_MEMORY_TYPE.ROCM,
  "rocm-managed": UCS_MEMORY_TYPE.ROCM_MANAGED,
};

/** Buffers of one message; UCX has no limit of its own, but each costs some memory. */
export const buffersMax = 1024;

/**
 * Checks memory that UCX is about to use.
 *
 * @throws {TypeError} when it is no Uint8Array, or its memory may go away: detached or resizable
 */
export function checkBuffer(buffer: Uint8Array, what: string): void {
  if (!(buffer instanceof Uint8Array))
    throw new TypeError(
      `${what}: given ${buffer === null ? "null" : typeof buffer}, allowed a Uint8Array`,
    );
  // Reading it also moves a small view of Bun to where it stays (see ffi/host_bun.ts).
  const memory = buffer.buffer;
  if (memory instanceof ArrayBuffer) {
    if (memory.detached)
      throw new TypeError(`${what}: its ArrayBuffer is detached`);
    if (memory.resizable)
      throw new TypeError(
        `${what}: its ArrayBuffer is resizable, and so may lose memory that is in use`,
      );
  } else if (memory.growable) {
    throw new TypeError(`${what}: its SharedArrayBuffer is growable`);
  }
}

/** Bytes of a message. */
export function dataBytes(data: MessageData | NativeData): number {
  if (data instanceof Uint8Array || data instanceof NativeData)
    return data.byteLength;
  let bytes = 0;
  for (const part of data) bytes += part.byteLength;
  return bytes;
}

/**
 * Checks what is to be sent.
 *
 * @throws {TypeError} when a part is no Uint8Array or its memory may go away
 * @throws {RangeError} when there are too many parts
 */
export function checkData(data: MessageData, what: string): void {
  if (!Array.isArray(data)) {
    checkBuffer(data as Uint8Array, what);
    return;
  }
  if (data.length > buffersMax)
    throw new RangeError(
      `${what}: given ${data.length} buffers, allowed at most ${buffersMax}`,
    );
  for (const [index, part] of data.entries())
    checkBuffer(part as Uint8Array, `${what}[${index}]`);
}
