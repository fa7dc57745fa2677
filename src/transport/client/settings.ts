/** Options of a client, checked, with their defaults. */
import { z } from "zod";
import { checkOptions, integerWithin } from "../../base/option_check.ts";
import type { ConnectOptions } from "../adapter.ts";
import {
  aFunction,
  anObject,
  codecsSchema,
  compressionSchema,
  type EndSettings,
  heartbeatSchema,
  limitSchema,
  milliseconds,
  textWithin,
} from "../end_settings.ts";
import { createDefaultRegistry } from "../protocols/builtin.ts";
import { ProtocolRegistry } from "../registry.ts";
import type { TlsClientOptions } from "../tls_options.ts";
import type { ClientOptions, Credentials } from "./options.ts";

const reconnectDefaults = {
  maxAttempts: Number.POSITIVE_INFINITY,
  baseDelayMs: 100,
  maxDelayMs: 10_000,
  initially: false,
};

const attempts = z
  .number({ error: "allowed an integer >= 1 or Infinity" })
  .refine(
    (value) =>
      value >= 1 &&
      (Number.isInteger(value) || value === Number.POSITIVE_INFINITY),
    {
      error: "allowed an integer >= 1 or Infinity",
    },
  );

const schema = z.strictObject({
  protocols: z
    .array(z.string({ error: 'allowed a URL such as "tcp://localhost:7000"' }))
    .min(1, { error: "allowed at least one: withProtocol(url)" })
    .readonly(),
  reconnect: z
    .union([
      z.boolean(),
      z.strictObject({
        // z.number() takes no Infinity.
        maxAttempts: z
          .union([z.literal(Number.POSITIVE_INFINITY), attempts])
          .default(reconnectDefaults.maxAttempts),
        baseDelayMs: milliseconds.default(reconnectDefaults.baseDelayMs),
        maxDelayMs: milliseconds.default(reconnectDefaults.maxDelayMs),
        initially: z.boolean().default(reconnectDefaults.initially),
      }),
    ])
    .transform((given): ReconnectSettings | undefined => {
      if (given === false) return undefined;
      return given === true ? reconnectDefaults : given;
    })
    .prefault(true),
  offlineBuffer: z
    .strictObject({
      maxBytes: integerWithin(0, 2 ** 40, "bytes").default(1_048_576),
      maxAgeMs: milliseconds.default(60_000),
    })
    .prefault({}),
  tls: anObject<TlsClientOptions>().optional(),
  auth: z
    .union([textWithin(2048), aFunction<() => string | Promise<string>>()], {
      error: "allowed a string of 1 to 2048 bytes or a function",
    })
    .optional(),
  dataCompression: compressionSchema.prefault(false),
  heartbeat: heartbeatSchema.prefault({}),
  limits: limitSchema.prefault({}),
  requestTimeoutMs: milliseconds.default(30_000),
  connectTimeoutMs: milliseconds.default(10_000),
  connection: anObject<
    Omit<ConnectOptions, "timeoutMs" | "signal" | "tls">
  >().default({}),
  codecs: codecsSchema.default([]),
  registry: z
    .instanceof(ProtocolRegistry, { error: "allowed a ProtocolRegistry" })
    .optional(),
  nodeName: textWithin(128).optional(),
});

/** How a lost connection is made again. */
export interface ReconnectSettings {
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly initially: boolean;
}

/** {@linkcode ClientOptions} with every default in place. */
export interface ClientSettings extends EndSettings {
  readonly protocols: readonly string[];
  readonly reconnect: ReconnectSettings | undefined;
  readonly offlineBuffer: {
    readonly maxBytes: number;
    readonly maxAgeMs: number;
  };
  readonly tls: TlsClientOptions | undefined;
  readonly auth: Credentials | undefined;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly connection: Omit<ConnectOptions, "timeoutMs" | "signal" | "tls">;
  readonly registry: ProtocolRegistry;
}

/**
 * Checks options and puts the defaults in.
 *
 * @throws {RangeError} when a number is out of bounds
 * @throws {TypeError} for anything else that is wrong, unknown names included
 */
export function clientSettings(options: ClientOptions): ClientSettings {
  const given = checkOptions(schema, options, "TransportClient");
  return {
    ...given,
    reconnect: given.reconnect,
    tls: given.tls,
    auth: given.auth,
    registry: given.registry ?? createDefaultRegistry(),
  };
}
