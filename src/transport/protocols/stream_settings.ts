/** Options of streams, checked, with their defaults. */
import { z } from "zod";
import { timerDelayMsMax } from "../../base/deadline.ts";
import {
  checkOptions,
  integerWithin,
  yesOrNo,
} from "../../base/option_check.ts";
import type { ConnectOptions, ListenOptions } from "../adapter.ts";
import type { TlsClientOptions, TlsServerOptions } from "../tls_options.ts";

/** What holds for each connection. */
export interface StreamSettings {
  readonly closeTimeoutMs: number;
  readonly writeBufferBytes: number;
  readonly noDelay: boolean;
  readonly keepAliveMs: number;
  readonly maxTextBytes: number;
}

/** Of a listener. */
export interface ListenSettings extends StreamSettings {
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  readonly reusePort: boolean;
  readonly mode: number;
  readonly origins?: readonly string[] | undefined;
  readonly tls?: TlsServerOptions | undefined;
}

/** Of a connecting side. */
export interface ConnectSettings extends StreamSettings {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly tls?: TlsClientOptions | undefined;
}

const timeoutMs = integerWithin(0, timerDelayMsMax, "milliseconds");

const stream = {
  closeTimeoutMs: timeoutMs.default(5000),
  writeBufferBytes: integerWithin(4096, 2 ** 30, "bytes").default(262_144),
  noDelay: yesOrNo.default(true),
  keepAliveMs: timeoutMs.default(30_000),
  maxTextBytes: integerWithin(1, 2 ** 30, "bytes").default(16_777_216),
};

const anObject = <T extends object>(): z.ZodType<T> =>
  z.custom<T>((value) => typeof value === "object" && value !== null, {
    error: "allowed an object",
  });

const listenSchema: z.ZodType<ListenSettings> = z.strictObject({
  ...stream,
  maxConnections: integerWithin(1, 2 ** 31 - 1, "connections").default(10_000),
  handshakeTimeoutMs: timeoutMs.default(10_000),
  reusePort: yesOrNo.default(false),
  mode: integerWithin(0, 0o777, "permission bits").default(0o600),
  origins: z.array(z.string()).readonly().optional(),
  tls: anObject<TlsServerOptions>().optional(),
});

const connectSchema: z.ZodType<ConnectSettings> = z.strictObject({
  ...stream,
  timeoutMs: timeoutMs.default(10_000),
  signal: z
    .instanceof(AbortSignal, { error: "allowed an AbortSignal" })
    .optional(),
  tls: anObject<TlsClientOptions>().optional(),
});

/** @throws {TypeError | RangeError} saying what was given and what is allowed */
export function listenSettings(
  options: ListenOptions,
  address: string,
): ListenSettings {
  return checkOptions(listenSchema, options, `listen ${address}`);
}

/** @throws {TypeError | RangeError} saying what was given and what is allowed */
export function connectSettings(
  options: ConnectOptions,
  address: string,
): ConnectSettings {
  return checkOptions(connectSchema, options, `connect ${address}`);
}

/** For protocols without TLS. @throws {TypeError} when there are options for it */
export function refuseTls(
  settings: { readonly tls?: object | undefined },
  address: string,
): void {
  if (settings.tls !== undefined)
    throw new TypeError(
      `tls: given for ${address}, allowed only with tls:// and other protocols over TLS`,
    );
}
