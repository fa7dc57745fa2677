/** The place in the exchange block that a message is being read from; one per handle, moved along, never allocated per message. */
import { jsonCodec, type MessageCodec, type MessageSchema } from "./codec.ts";

/** How the values of a queue are encoded and checked. */
export interface ValueRules {
  readonly codec: MessageCodec;
  readonly schema: MessageSchema | undefined;
}

/** JSON, unchecked. */
export const plainRules: ValueRules = { codec: jsonCodec, schema: undefined };

/** Rounds a length in bytes up to the next multiple of 8, as records are laid out. */
export function pad8(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** A record: its numbers in the exchange block at `at`, its bytes in `chunk` from `offset`, headers after the padded body. */
export class RecordCursor {
  /** Index of the record's first word in `u32`. */
  at = 0;
  /** JavaScript-owned copy of the bytes (or, zero-copy, a view of shared memory). */
  chunk: Uint8Array;
  /** Bytes from the chunk's start to the body. */
  offset = 0;
  /** The headers, when they do not lie behind the body. */
  headers: Uint8Array | undefined = undefined;

  constructor(
    readonly u32: Uint32Array,
    readonly f64: Float64Array,
    readonly rules: ValueRules,
  ) {
    this.chunk = new Uint8Array(0);
  }
}
