/**
 * UCX, synchronous: a server process that answers requests, and this process as its client. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/client_server.ts
 *     deno run -A examples/ucx/client_server.ts
 */
import { UcxWorker } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const requestTag = 1;
const text = new TextDecoder();
const bytes = (words: string) => new TextEncoder().encode(words);

const children = new ChildProcesses();
// In the other runtime, if it is there: they speak the same.
const server = startInOtherRuntime(
  children,
  new URL("server_program.ts", import.meta.url),
);
const address = await server.line();

{
  using worker = new UcxWorker({ name: "client" });
  const endpoint = worker.connect(address);
  const buffer = new Uint8Array(worker.config.bufferSize);
  for (const request of ["GET /status", "ECHO hello", "nonsense"]) {
    worker.sendTag(endpoint, requestTag, bytes(request));
    const length = worker.receiveTag(endpoint, requestTag, buffer);
    console.log(`${request} -> ${text.decode(buffer.subarray(0, length))}`);
  }
  worker.sendTag(endpoint, requestTag, bytes("QUIT"));
  const { messagesSent, messagesReceived } = worker.stats();
  console.log(`sent ${messagesSent}, received ${messagesReceived}`);
}
console.log(`the server: ${await server.line()}`);
console.log(`the server ended with ${await server.exited}`);
