/** The sender of async_streams.ts: prints where it listens, and pipes lines to each who connects. Argument: how many. */
import process from "node:process";
import { AsyncUcxManager } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

const lineCount = Number(process.argv[2]);

/** Makes lines as they are asked for. */
function lines(): ReadableStream<string> {
  let made = 0;
  return new ReadableStream({
    pull(controller) {
      if (made === lineCount) controller.close();
      else controller.enqueue(`line ${++made}\n`);
    },
  });
}

await using manager = new AsyncUcxManager({ name: "sender" });
const server = manager.createServer("127.0.0.1:0");
await server.listen();
console.log(server.address);
stopSignal().addEventListener("abort", () => void server.drain());
// The connection is closed when this returns: that is the end of the stream.
await server.start(async (client) => {
  await lines().pipeThrough(new TextEncoderStream()).pipeTo(client.writable());
});
