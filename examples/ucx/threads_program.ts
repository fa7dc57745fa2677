/** The server of threads.ts: two threads serve, this one only lets clients in. */
import { AsyncUcxManager } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

await using manager = new AsyncUcxManager({ name: "server" });
const server = manager.createServer("127.0.0.1:0", {
  workers: 2,
  handlerModule: new URL("threads_handler_program.ts", import.meta.url),
});
await server.listen();
console.log(server.address);
stopSignal().addEventListener("abort", () => void server.close());
await server.start();
