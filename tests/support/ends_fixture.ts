/** Servers and clients for tests, over each protocol; closed after each test. */
import type { TransportClientBuilder } from "../../src/transport/client/builder.ts";
import { TransportClient } from "../../src/transport/client/client.ts";
import type { TransportServerBuilder } from "../../src/transport/server/builder.ts";
import { TransportServer } from "../../src/transport/server/server.ts";
import type {
  TlsClientOptions,
  TlsServerOptions,
} from "../../src/transport/tls_options.ts";
import { TestAuthority } from "./test_certificates.ts";
import { removeSocketPaths, socketPath } from "./transport_fixture.ts";
import { until } from "./waiting.ts";

type ServerSetup = TransportServerBuilder<TransportServer>;
type ClientSetup = TransportClientBuilder<TransportClient>;

/** How the suite reaches one protocol. */
export interface EndsProtocol {
  readonly scheme: string;
  /** An address to listen at; a new one each time. */
  readonly address: () => string;
}

/** The protocols that the suites of servers and clients run over. */
export const endsProtocols: readonly EndsProtocol[] = [
  { scheme: "tcp", address: () => "tcp://127.0.0.1:0" },
  { scheme: "unix", address: () => `unix://${socketPath()}` },
  { scheme: "tls", address: () => "tls://127.0.0.1:0" },
  { scheme: "ws", address: () => "ws://127.0.0.1:0/chat" },
  { scheme: "wss", address: () => "wss://127.0.0.1:0/chat" },
];

let authority: TestAuthority | undefined;
let identity: TlsServerOptions | undefined;

function tls(): {
  readonly server: TlsServerOptions;
  readonly client: TlsClientOptions;
} {
  authority ??= new TestAuthority();
  identity ??= authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  return { server: identity, client: { ca: authority.ca } };
}

/** Makes servers and clients over one protocol, and closes them. */
export class EndsTrials {
  readonly #protocol: EndsProtocol;
  readonly #open: AsyncDisposable[] = [];

  constructor(protocol: EndsProtocol) {
    this.#protocol = protocol;
  }

  get #hasTls(): boolean {
    return ["tls", "wss"].includes(this.#protocol.scheme);
  }

  /** A server; the builder can be told more. */
  async server(
    configure: (builder: ServerSetup) => ServerSetup = (same) => same,
    at: string = this.#protocol.address(),
  ): Promise<TransportServer> {
    const builder = TransportServer.builder()
      .withProtocol(at)
      .withCloseTimeout(2000);
    if (this.#hasTls) builder.withTls(tls().server);
    const server = await configure(builder).build();
    this.#open.push(server);
    return server;
  }

  /** A client of a server, or of an address. */
  async client(
    of: TransportServer | string,
    configure: (builder: ClientSetup) => ClientSetup = (same) => same,
  ): Promise<TransportClient> {
    const client = await this.build(of, configure);
    this.#open.push(client);
    return client;
  }

  /** The same without closing it afterwards: for those that are refused. */
  build(
    of: TransportServer | string,
    configure: (builder: ClientSetup) => ClientSetup = (same) => same,
  ): Promise<TransportClient> {
    const builder = TransportClient.builder()
      .withProtocol(addressOf(of))
      .withReconnect({ baseDelayMs: 5, maxDelayMs: 100 });
    if (this.#hasTls) builder.withTls(tls().client);
    return configure(builder).build();
  }

  /** An address where nobody listens now, and where a server can listen later. */
  async freeAddress(): Promise<string> {
    const server = await this.server();
    const address = addressOf(server);
    await server.close();
    return address;
  }

  async closeAll(): Promise<void> {
    const open = this.#open.splice(0).reverse();
    await Promise.all(open.map((end) => end[Symbol.asyncDispose]()));
  }
}

/** Where a server listens. */
export function addressOf(of: TransportServer | string): string {
  return typeof of === "string" ? of : (of.addresses[0] ?? "");
}

/** Takes away what the suites leave behind. */
export function removeEndsLeftovers(): void {
  authority?.remove();
  authority = undefined;
  identity = undefined;
  removeSocketPaths();
}

/** The server's session of a client. */
export async function sessionOf(
  server: TransportServer,
  client: TransportClient,
) {
  await until(
    "the server's session",
    () => server.session(client.sessionId ?? "") !== undefined,
  );
  const session = server.session(client.sessionId ?? "");
  if (session === undefined) throw new Error("the session is gone");
  return session;
}
