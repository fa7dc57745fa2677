/** The server of the asynchronous examples: answers until it is told to stop. Argument: where it listens. */
import process from "node:process";
import { type AsyncUcxClient, AsyncUcxManager } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

function answer(request: string): string {
  if (request === "PING") return "PONG";
  if (request.startsWith("ECHO:")) return `REPLY:${request.slice(5)}`;
  return `RECEIVED:${request}`;
}

/** Runs once for each connection, all at the same time. The connection is closed when it returns. */
async function handle(client: AsyncUcxClient): Promise<void> {
  for await (const request of client)
    await client.sendMessage(request.tag, answer(request.text()));
}

const [address = "127.0.0.1:0"] = process.argv.slice(2);
await using manager = new AsyncUcxManager({ name: "server" });
const server = manager.createServer(address);
await server.listen();
console.log(server.address);
stopSignal().addEventListener("abort", () => void server.drain());
await server.start(handle);
console.log(`${server.stats().accepted} connections were served`);
