/** Options of servers and clients that both have, checked, with their defaults. */
import { z } from "zod";
import { timerDelayMsMax } from "../base/deadline.ts";
import { integerWithin, oneOf } from "../base/option_check.ts";
import type { PayloadCodec } from "../wire/codecs.ts";
import {
  type WireLimits,
  wireLimitBounds,
  wireLimitsDefault,
} from "../wire/limits.ts";
import type { CompressionName } from "./end_options.ts";

/** Milliseconds that a timer can keep. */
export const milliseconds: z.ZodType<number> = integerWithin(
  0,
  timerDelayMsMax,
  "milliseconds",
);

/** Any function. */
export const aFunction = <T>(): z.ZodType<T> =>
  z.custom<T>((value) => typeof value === "function", {
    error: "allowed a function",
  });

/** Any object; whoever uses it checks what is in it. */
export const anObject = <T>(): z.ZodType<T> =>
  z.custom<T>((value) => typeof value === "object" && value !== null, {
    error: "allowed an object",
  });

/** Text of a bounded length in UTF-8. */
export const textWithin = (bytesMax: number): z.ZodType<string> => {
  const error = `allowed a string of 1 to ${bytesMax} bytes`;
  return z.string({ error }).refine(
    (text) => {
      const { length } = new TextEncoder().encode(text);
      return length >= 1 && length <= bytesMax;
    },
    { error },
  );
};

const wireLimit = (name: keyof WireLimits) => {
  const [min, max] = wireLimitBounds[name];
  return integerWithin(
    min,
    max,
    name.endsWith("Bytes") ? "bytes" : "count",
  ).default(wireLimitsDefault[name]);
};

const bytes = (fallback: number) =>
  integerWithin(1024, 2 ** 40, "bytes").default(fallback);
const count = (fallback: number) =>
  integerWithin(1, 2 ** 31, "count").default(fallback);

/** {@linkcode LimitOptions} with defaults. */
export const limitSchema = z.strictObject({
  maxMessageBytes: wireLimit("maxMessageBytes"),
  maxFragmentBytes: wireLimit("maxFragmentBytes"),
  maxHeadersBytes: wireLimit("maxHeadersBytes"),
  maxHeaderCount: wireLimit("maxHeaderCount"),
  maxControlBytes: wireLimit("maxControlBytes"),
  maxReassemblyBytes: wireLimit("maxReassemblyBytes"),
  maxReassemblyMessages: wireLimit("maxReassemblyMessages"),
  creditBytes: bytes(262_144),
  creditMessages: count(4096),
  maxQueuedBytes: bytes(1_048_576),
  maxQueuedMessages: count(16_384),
  maxPendingRequests: count(65_536),
  replayBytes: integerWithin(0, 2 ** 40, "bytes").default(1_048_576),
  replayMessages: integerWithin(0, 2 ** 31, "count").default(16_384),
  replayAgeMs: milliseconds.default(60_000),
  helloTimeoutMs: milliseconds.default(10_000),
});

/** {@linkcode HeartbeatOptions} with its default. */
export const heartbeatSchema = z.strictObject({
  intervalMs: milliseconds.default(15_000),
});

/** {@linkcode CompressionOptions} with defaults; undefined when it is off. */
export const compressionSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      algorithms: z
        .array(oneOf("zstd", "deflate"))
        .readonly()
        .default(["zstd", "deflate"]),
      thresholdBytes: integerWithin(0, 2 ** 30, "bytes").default(1024),
    }),
  ])
  .transform((given): CompressionSettings | undefined => {
    if (given === false) return undefined;
    if (given === true)
      return { algorithms: ["zstd", "deflate"], thresholdBytes: 1024 };
    return given;
  });

/** Compression that is on. */
export interface CompressionSettings {
  readonly algorithms: readonly CompressionName[];
  readonly thresholdBytes: number;
}

/** Codecs, looked at when they are used. */
export const codecsSchema: z.ZodType<readonly PayloadCodec[]> = z
  .array(anObject<PayloadCodec>())
  .readonly();

/** What sessions of either side are made with. */
export interface EndSettings {
  readonly limits: z.output<typeof limitSchema>;
  readonly heartbeat: z.output<typeof heartbeatSchema>;
  readonly dataCompression: CompressionSettings | undefined;
  readonly codecs: readonly PayloadCodec[];
  readonly nodeName?: string | undefined;
}
