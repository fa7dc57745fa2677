/** Options of a server, checked, with their defaults. */
import { z } from "zod";
import { checkOptions, integerWithin, oneOf } from "../../base/option_check.ts";
import type { ListenOptions } from "../adapter.ts";
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
import { httpIngress } from "../ingress/http/http_ingress.ts";
import type { IngressProtocol } from "../ingress.ts";
import { createDefaultRegistry } from "../protocols/builtin.ts";
import { ProtocolRegistry } from "../registry.ts";
import type { MessageListener, RequestListener } from "../session.ts";
import type { TlsServerOptions } from "../tls_options.ts";
import { checkMaxConnections } from "./capacity.ts";
import type { Authenticator, ListenPlace, ServerOptions } from "./options.ts";

const maxConnectionsUsual = 10_000;

const schema = z.strictObject({
  protocols: z
    .array(
      z.strictObject({
        url: z.string({ error: 'allowed a URL such as "tcp://0.0.0.0:7000"' }),
        options: anObject<ListenOptions>().optional(),
      }),
    )
    .min(1, { error: "allowed at least one: withProtocol(url)" })
    .readonly(),
  maxConnections: integerWithin(1, 2 ** 31 - 1, "connections").optional(),
  connectionPoolSize: integerWithin(1, 2 ** 31 - 1, "sessions").optional(),
  dataCompression: compressionSchema.prefault(false),
  tls: anObject<TlsServerOptions>().optional(),
  limits: limitSchema.prefault({}),
  heartbeat: heartbeatSchema.prefault({}),
  auth: aFunction<Authenticator>().optional(),
  resume: z
    .strictObject({
      maxAwayMs: milliseconds.default(60_000),
      maxAwaySessions: integerWithin(0, 2 ** 31 - 1, "sessions").default(
        10_000,
      ),
    })
    .prefault({}),
  slowConsumers: z
    .strictObject({
      policy: oneOf("drop", "close").default("drop"),
      afterDrops: integerWithin(1, 2 ** 31, "messages").default(1),
    })
    .prefault({}),
  onMessage: aFunction<MessageListener>().optional(),
  onRequest: aFunction<RequestListener>().optional(),
  codecs: codecsSchema.default([]),
  maxRoomsPerSession: integerWithin(1, 2 ** 20, "rooms").default(256),
  ingresses: z
    .array(anObject<IngressProtocol>())
    .readonly()
    .default([httpIngress]),
  registry: z
    .instanceof(ProtocolRegistry, { error: "allowed a ProtocolRegistry" })
    .optional(),
  nodeName: textWithin(128).optional(),
  closeTimeoutMs: milliseconds.default(5000),
});

/** {@linkcode ServerOptions} with every default in place. */
export interface ServerSettings extends EndSettings {
  readonly protocols: readonly ListenPlace[];
  readonly maxConnections: number;
  readonly connectionPoolSize: number;
  readonly tls: TlsServerOptions | undefined;
  readonly auth: Authenticator | undefined;
  readonly onMessage: MessageListener | undefined;
  readonly onRequest: RequestListener | undefined;
  readonly resume: {
    readonly maxAwayMs: number;
    readonly maxAwaySessions: number;
  };
  readonly slowConsumers: {
    readonly policy: "drop" | "close";
    readonly afterDrops: number;
  };
  readonly maxRoomsPerSession: number;
  readonly registry: ProtocolRegistry;
  readonly ingresses: readonly IngressProtocol[];
  readonly closeTimeoutMs: number;
}

/**
 * Checks options and puts the defaults in.
 *
 * @throws {RangeError} when a number is out of bounds
 * @throws {TypeError} for anything else that is wrong, unknown names included
 * @throws {ConnectionLimitError} when the process cannot hold so many connections
 */
export function serverSettings(options: ServerOptions): ServerSettings {
  const given = checkOptions(schema, options, "TransportServer");
  const maxConnections = checkMaxConnections(
    given.maxConnections,
    maxConnectionsUsual,
  );
  return {
    ...given,
    dataCompression: given.dataCompression,
    tls: given.tls,
    auth: given.auth,
    onMessage: given.onMessage,
    onRequest: given.onRequest,
    maxConnections,
    connectionPoolSize:
      given.connectionPoolSize ?? maxConnections + given.resume.maxAwaySessions,
    registry: given.registry ?? createDefaultRegistry(),
  };
}
