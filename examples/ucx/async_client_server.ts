/**
 * UCX with `await`: a server process that runs a handler for each connection, and this process as its client. Runs in
 * Bun and in Deno:
 *
 *     bun examples/ucx/async_client_server.ts
 *     deno run -A examples/ucx/async_client_server.ts
 */
import { AsyncMessage, AsyncUcxManager } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
const address = await server.line();

{
  await using manager = new AsyncUcxManager({ name: "client" });
  const client = manager.createClient();
  await client.connect(address);
  for (const text of ["PING", "ECHO:hello", "Hello, async UCX!"]) {
    await client.send(AsyncMessage.text(0, text));
    const answer = await client.receive({ tag: 0 });
    console.log(`${text} -> ${answer.text()}`);
  }
  await client.close();
}
server.kill("SIGTERM");
console.log(`the server: ${await server.line()}`);
console.log(`the server ended with ${await server.exited}`);
