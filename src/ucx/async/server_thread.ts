/** A thread of a server: a worker of its own, that serves those who are sent here by their server. */
import { asError } from "../core/closing.ts";
import { AsyncUcxManager } from "./manager.ts";
import type { ConnectionHandler } from "./server.ts";
import type { FromThread, ToThread } from "./server_thread_messages.ts";

const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: ToThread }) => void;
  postMessage(message: FromThread): void;
  close(): void;
};

let manager: AsyncUcxManager | undefined;
let stop: ((message: ToThread) => Promise<void>) | undefined;

async function start(
  assignment: Extract<ToThread, { kind: "start" }>,
): Promise<void> {
  const { config, handlerModule, maxConnections, maxHandlers } = assignment;
  const module = (await import(handlerModule)) as {
    readonly default?: unknown;
  };
  const handler = module.default;
  if (typeof handler !== "function")
    throw new TypeError(
      `${handlerModule}: its default export is ${typeof handler}, allowed a function`,
    );
  manager = new AsyncUcxManager(config);
  const server = manager.createServer(undefined, {
    maxConnections,
    maxHandlers,
  });
  const tell = (): void =>
    scope.postMessage({
      kind: "connections",
      connections: server.stats().connections,
    });
  server.events.on("connection", tell);
  server.events.on("close", tell);
  server.events.on("handlerError", ({ error }) =>
    scope.postMessage({ kind: "handlerError", message: error.message }),
  );
  void server.start(handler as ConnectionHandler);
  stop = async (message) => {
    if (message.kind === "drain") await server.drain(message);
    else if (message.kind === "close") await server.close(message);
  };
  scope.postMessage({ kind: "ready", workerAddress: manager.workerAddress });
}

async function handle(message: ToThread): Promise<void> {
  if (message.kind === "start") {
    await start(message);
    return;
  }
  await stop?.(message);
  await manager?.shutdown();
  scope.postMessage({ kind: "closed" });
}

scope.onmessage = ({ data }) => {
  handle(data).catch((error: unknown) => {
    scope.postMessage({ kind: "failed", message: asError(error).message });
  });
};
