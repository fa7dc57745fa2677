/** What a UCX worker can be told, with units and defaults; checked by zod. */
import { z } from "zod";
import {
  checkOptions,
  integerWithin,
  oneOf,
  yesOrNo,
} from "../base/option_check.ts";

/** Who may call a worker: `ucs_thread_mode_t`. */
export const ThreadMode = {
  /** One thread, the one that made it. */
  Single: "single",
  /** Several threads, one at a time. */
  Serialized: "serialized",
  /** Any thread at any time; costs a quarter more for each call. */
  Multi: "multi",
} as const;
/** `"single"`, `"serialized"` or `"multi"`. */
export type ThreadMode = (typeof ThreadMode)[keyof typeof ThreadMode];

/** Configuration of a worker. Everything has a default. */
export interface WorkerConfig {
  /** Who may call the worker. @default "single" */
  readonly threadMode?: ThreadMode | undefined;
  /** Bytes of the buffer that a receive without a buffer of its own gets, and so its longest message. @default 65536 */
  readonly bufferSize?: number | undefined;
  /** Tagged messages. @default true */
  readonly enableTag?: boolean | undefined;
  /** Streams of bytes. @default true */
  readonly enableStream?: boolean | undefined;
  /** Remote memory access and atomics: for peers that are trusted, UCX checks neither who nor where. @default false */
  readonly enableRma?: boolean | undefined;
  /** Active messages of the user. The handshake uses them anyway; in raw mode they are off unless asked for. @default false */
  readonly enableActiveMessages?: boolean | undefined;
  /** Microseconds that `runProgressLoop` sleeps when there is nothing to do; 0 never sleeps. @default 100 */
  readonly progressIntervalUs?: number | undefined;
  /** No handshake, no credits, all 64 bits of a tag: any UCX program as peer. @default false */
  readonly raw?: boolean | undefined;
  /** Told to the peers, for people; at most 64 bytes of UTF-8. @default "" */
  readonly name?: string | undefined;
  /**
   * UCX's own keys, without `UCX_`: `{ TLS: "tcp", NET_DEVICES: "lo" }`. They go before the environment's; unknown ones
   * are refused. @default {}
   */
  readonly ucx?: Readonly<Record<string, string>> | undefined;
  /** Path of libucp. @default RINGWIRE_UCP_LIBRARY, then the system's */
  readonly libraryPath?: string | undefined;
  /** Lets UCX patch the memory functions of libc, which InfiniBand's registration cache wants. @default false */
  readonly memoryEvents?: boolean | undefined;
  /** Milliseconds that a blocking call waits, unless it is told otherwise. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds until a connection is open, handshake included. @default 5000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds that closing may wait for what is on its way, before it is cut off. @default 1000 */
  readonly closeTimeoutMs?: number | undefined;
  /** Milliseconds between two looks whether a peer is alive; a killed one is noticed within two of them. @default 1000 */
  readonly keepAliveMs?: number | undefined;
  /** Microseconds that a blocking call spins before it sleeps on UCX's descriptor. @default 50 */
  readonly spinUs?: number | undefined;
  /** Connections at a time. @default 65536 */
  readonly maxEndpoints?: number | undefined;
  /** Messages that a peer may send to us beyond what was received. @default 1024 */
  readonly creditMessages?: number | undefined;
  /** Bytes of stream that a peer may send to us beyond what was read. @default 4194304 */
  readonly streamWindowBytes?: number | undefined;
  /** Bytes of messages, over all connections, that are kept aside so that a receive gets at what lies behind them. @default 67108864 */
  readonly spillBytes?: number | undefined;
  /** Longest message that a peer may send to us, in bytes; it is told at the handshake. @default 4294967296 */
  readonly maxMessageSize?: number | undefined;
  /** Whether peers may connect by our worker address. @default true */
  readonly acceptAddresses?: boolean | undefined;
}

/** A configuration with every default in place. */
export type ResolvedWorkerConfig = {
  readonly [Key in Exclude<keyof WorkerConfig, "libraryPath">]-?: Exclude<
    WorkerConfig[Key],
    undefined
  >;
} & { readonly libraryPath: string | undefined };

const schema = z.strictObject({
  threadMode: oneOf("single", "serialized", "multi").default("single"),
  bufferSize: integerWithin(1, 2 ** 31 - 1, "bytes").default(64 * 1024),
  enableTag: yesOrNo.default(true),
  enableStream: yesOrNo.default(true),
  enableRma: yesOrNo.default(false),
  enableActiveMessages: yesOrNo.default(false),
  progressIntervalUs: integerWithin(0, 60_000_000, "microseconds").default(100),
  raw: yesOrNo.default(false),
  name: z
    .string({ error: "allowed a string" })
    .refine((name) => new TextEncoder().encode(name).length <= 64, {
      error: "allowed at most 64 bytes of UTF-8",
    })
    .optional(),
  ucx: z
    .record(
      z.string().regex(/^[A-Z][A-Z0-9_]*$/, {
        error: "allowed a key in capitals, without UCX_",
      }),
      z.string({ error: "allowed a string" }),
    )
    .default({}),
  libraryPath: z.string({ error: "allowed a path" }).min(1).optional(),
  memoryEvents: yesOrNo.default(false),
  timeoutMs: integerWithin(0, 2 ** 31 - 1, "milliseconds").default(30_000),
  connectTimeoutMs: integerWithin(1, 2 ** 31 - 1, "milliseconds").default(5000),
  closeTimeoutMs: integerWithin(0, 2 ** 31 - 1, "milliseconds").default(1000),
  keepAliveMs: integerWithin(10, 2 ** 31 - 1, "milliseconds").default(1000),
  spinUs: integerWithin(0, 60_000_000, "microseconds").default(50),
  maxEndpoints: integerWithin(1, 2 ** 22 - 1, "connections").default(65_536),
  creditMessages: integerWithin(2, 2 ** 30, "messages").default(1024),
  streamWindowBytes: integerWithin(1024, 2 ** 31 - 1, "bytes").default(
    4 * 2 ** 20,
  ),
  spillBytes: integerWithin(0, Number.MAX_SAFE_INTEGER, "bytes").default(
    64 * 2 ** 20,
  ),
  maxMessageSize: integerWithin(1, Number.MAX_SAFE_INTEGER, "bytes").default(
    2 ** 32,
  ),
  acceptAddresses: yesOrNo.default(true),
});

/**
 * Checks a configuration and puts the defaults in.
 *
 * @throws {RangeError} when a number is out of bounds
 * @throws {TypeError} for anything else that is wrong, unknown names included
 */
export function resolveWorkerConfig(
  config: WorkerConfig = {},
): ResolvedWorkerConfig {
  const checked = checkOptions(schema, config, "WorkerConfig");
  return {
    ...checked,
    name: checked.name ?? "",
    libraryPath: checked.libraryPath,
  };
}
