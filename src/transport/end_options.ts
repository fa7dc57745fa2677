/** What servers and clients can both be told about their sessions. */
import type { PayloadCodec } from "../wire/codecs.ts";
import type { WireLimits } from "../wire/limits.ts";

/** Ways to compress payloads. */
export type CompressionName = "zstd" | "deflate";

/** When and how payloads are compressed; both sides must have it on. */
export interface CompressionOptions {
  /** Best first. @default ["zstd", "deflate"], as far as the runtime has them */
  readonly algorithms?: readonly CompressionName[] | undefined;
  /** Payloads below are sent as they are, in bytes. @default 1024 */
  readonly thresholdBytes?: number | undefined;
}

/** How a dead peer is found. */
export interface HeartbeatOptions {
  /** Something is sent at least so often, in milliseconds; 0 sends none. A peer that is silent for three times what it promised is dead. @default 15000 */
  readonly intervalMs?: number | undefined;
}

/** Bounds of each session. What comes is bounded by what the hello announces, what goes by queues. */
export interface LimitOptions extends Partial<WireLimits> {
  /** Bytes that the peer may send ahead of what was handled. @default 262144 */
  readonly creditBytes?: number | undefined;
  /** Messages and requests that the peer may send ahead of what was handled; so many handlers run at a time. @default 4096 */
  readonly creditMessages?: number | undefined;
  /** Bytes that may wait for the peer's credit; beyond, `trySend` gives false and `send` waits. @default 1048576 */
  readonly maxQueuedBytes?: number | undefined;
  /** Messages that may wait for the peer's credit. @default 16384 */
  readonly maxQueuedMessages?: number | undefined;
  /** Requests of ours that may wait for an answer. @default 65536 */
  readonly maxPendingRequests?: number | undefined;
  /** Bytes kept until the peer has accepted them, to be sent again after a lost connection. @default 1048576 */
  readonly replayBytes?: number | undefined;
  /** Messages kept for the same. @default 16384 */
  readonly replayMessages?: number | undefined;
  /** How long they are kept, in milliseconds. @default 60000 */
  readonly replayAgeMs?: number | undefined;
  /** How long a peer may take for its hello, in milliseconds. @default 10000 */
  readonly helloTimeoutMs?: number | undefined;
}

/** Codecs besides bytes, text and JSON. */
export type CodecOptions = readonly PayloadCodec[];
