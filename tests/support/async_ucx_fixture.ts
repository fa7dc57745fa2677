/** Managers for tests of the asynchronous level, which do not outlive their test. */
import {
  type AsyncManagerConfig,
  type AsyncUcxClient,
  AsyncUcxManager,
  type AsyncUcxServer,
  type ConnectionHandler,
  type ServerOptions,
} from "../../src/ucx/mod.ts";

/** One machine, TCP only. */
export const loopbackUcx = { TLS: "tcp", NET_DEVICES: "lo" };
/** One machine, shared memory and TCP. */
export const sharedMemoryUcx = { TLS: "posix,cma,tcp", NET_DEVICES: "lo" };

/** Makes managers, servers and clients. Call `closeAll` after each test. */
export interface AsyncUcxFixture {
  manager(config?: AsyncManagerConfig): AsyncUcxManager;
  /** A server that listens at a port of the system's choice. */
  serve(
    manager: AsyncUcxManager,
    handler: ConnectionHandler,
    options?: ServerOptions,
  ): Promise<AsyncUcxServer>;
  /** A client that is connected to a server. */
  connect(
    manager: AsyncUcxManager,
    server: AsyncUcxServer,
  ): Promise<AsyncUcxClient>;
  closeAll(): Promise<void>;
}

/** Keeps what tests open. */
export function asyncUcxFixture(): AsyncUcxFixture {
  const managers = new Set<AsyncUcxManager>();
  return {
    manager(config = {}) {
      const manager = new AsyncUcxManager({ ucx: loopbackUcx, ...config });
      managers.add(manager);
      return manager;
    },
    async serve(manager, handler, options) {
      const server = manager.createServer("127.0.0.1:0", options);
      await server.listen();
      void server.start(handler);
      return server;
    },
    async connect(manager, server) {
      const client = manager.createClient();
      await client.connect(server.address, { timeoutMs: 15_000 });
      return client;
    },
    async closeAll() {
      await Promise.all([...managers].map((manager) => manager.shutdown()));
      managers.clear();
    },
  };
}

/** A handler that sends every message back under its tag. */
export const echo: ConnectionHandler = async (client) => {
  for await (const message of client) await client.send(message);
};

/** Waits until a condition holds. @throws when it does not within 15 s */
export async function untilTrue(
  condition: () => boolean,
  what: string,
): Promise<void> {
  const endMs = performance.now() + 15_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within 15 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
