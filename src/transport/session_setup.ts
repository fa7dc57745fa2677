/** From the settings of a server or client to those of its sessions. */
import { PayloadCodecs } from "../wire/codecs.ts";
import { availableCompressions } from "../wire/compression.ts";
import { Compression } from "../wire/compression_names.ts";
import type { EndSettings } from "./end_settings.ts";
import type { SessionOptions } from "./session/settings.ts";

const numbers = {
  zstd: Compression.Zstd,
  deflate: Compression.Deflate,
} as const;

/** Schemes that an end's own TLS is for; other protocols over TLS are given theirs with their address. */
export const schemesWithTls: ReadonlySet<string> = new Set([
  "tls",
  "wss",
  "https",
  "https",
]);

/** What is the same for all sessions of one end. */
export function sessionOptionsOf(
  settings: EndSettings,
): Omit<SessionOptions, "role"> {
  const {
    limits: {
      creditBytes,
      creditMessages,
      maxQueuedBytes,
      maxQueuedMessages,
      maxPendingRequests,
      replayBytes,
      replayMessages,
      replayAgeMs,
      helloTimeoutMs,
      ...limits
    },
    dataCompression,
    heartbeat,
    codecs,
    nodeName,
  } = settings;
  return {
    limits,
    creditBytes,
    creditMessages,
    queueBytes: maxQueuedBytes,
    queueMessages: maxQueuedMessages,
    pendingRequests: maxPendingRequests,
    replay: {
      bytes: replayBytes,
      messages: replayMessages,
      ageMs: replayAgeMs,
    },
    helloTimeoutMs,
    heartbeatMs: heartbeat.intervalMs,
    compressions: (dataCompression?.algorithms ?? [])
      .map((name) => numbers[name])
      .filter((number) => availableCompressions().includes(number)),
    compressionThresholdBytes: dataCompression?.thresholdBytes,
    codecs: new PayloadCodecs(codecs),
    nodeName,
  };
}
