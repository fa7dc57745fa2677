/**
 * UCX with `await`: heartbeats tell whether a peer is well, frozen or dead. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/connection_monitor.ts
 *     deno run -A examples/ucx/connection_monitor.ts
 */
import { AsyncUcxManager, ConnectionMonitor, UcxError } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const codeOf = (error: unknown): string =>
  error instanceof UcxError ? error.code : String(error);

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
await using manager = new AsyncUcxManager();
const client = manager.createClient();
await client.connect(await server.line());

using monitor = new ConnectionMonitor(client, {
  intervalMs: 100,
  timeoutMs: 300,
  // A frozen peer may come back. A lost connection fails at once, whatever this says.
  maxMissed: 100,
});
/** The next event of a kind. */
const next = <Name extends "healthy" | "missed" | "failed">(name: Name) =>
  new Promise<Parameters<Parameters<typeof monitor.events.on<Name>>[1]>[0]>(
    (resolve) => {
      const stop = monitor.events.on(name, (value) => {
        stop();
        resolve(value);
      });
    },
  );

monitor.start();
for (let beat = 1; beat <= 3; beat++) {
  await next("healthy");
  console.log(`heartbeat ${beat} was answered`);
}

// Its process is there, and its sockets are, too; but nobody answers.
server.kill("SIGSTOP");
console.log(`frozen: ${codeOf((await next("missed")).error)}`);
server.kill("SIGCONT");
await next("healthy");
console.log(`well again: ${monitor.isHealthy}`);

server.kill("SIGKILL");
console.log(`killed: ${codeOf((await next("failed")).error)}`);
console.log(`the monitor has ${monitor.state}`);
