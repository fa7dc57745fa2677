/** The server of client_server.ts: prints where it listens, and answers requests until it is told to quit. */
import { UcxWorker } from "ringwire";

const requestTag = 1;
const text = new TextDecoder();

function answer(request: string): string {
  if (request === "GET /status") return "all is well";
  if (request.startsWith("ECHO ")) return request.slice(5);
  return `unknown request: ${request}`;
}

using worker = new UcxWorker({ name: "server", bufferSize: 128 * 1024 });
using listener = worker.createListener("127.0.0.1:0");
console.log(listener.address);

const buffer = new Uint8Array(worker.config.bufferSize);
let answered = 0;
for (let running = true; running;) {
  worker.progress();
  for (const endpoint of worker.getEndpointIds()) {
    const length = worker.tryReceiveTag(endpoint, requestTag, buffer);
    if (length === undefined) continue;
    const request = text.decode(buffer.subarray(0, length));
    if (request === "QUIT") {
      running = false;
      continue;
    }
    worker.sendTag(
      endpoint,
      requestTag,
      new TextEncoder().encode(answer(request)),
    );
    answered++;
  }
  // Asleep until something comes, in slices of progressIntervalUs.
  worker.runProgressLoop(1);
}
console.log(`answered ${answered}`);
