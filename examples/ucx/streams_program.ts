/** The sender of streams.ts: prints where it listens, and sends lines to the first who connects. Argument: how many. */
import process from "node:process";
import { UcxWorker } from "ringwire";

const lineCount = Number(process.argv[2]);
const linesPerPiece = 100;

using worker = new UcxWorker({ name: "sender" });
const listener = worker.createListener("127.0.0.1:0");
console.log(listener.address);
while (worker.getEndpointIds().length === 0) worker.runProgressLoop(1);
const [endpoint = 0] = worker.getEndpointIds();

for (let first = 1; first <= lineCount; first += linesPerPiece) {
  let piece = "";
  const last = Math.min(lineCount, first + linesPerPiece - 1);
  for (let line = first; line <= last; line++) piece += `line ${line}\n`;
  // Waits while the receiver is a window (its streamWindowBytes) behind.
  worker.sendStream(endpoint, new TextEncoder().encode(piece));
}
// The goodbye is the end of the stream, after everything has arrived.
worker.disconnect(endpoint, { timeoutMs: 10_000 });
console.log(`${lineCount} lines were sent`);
