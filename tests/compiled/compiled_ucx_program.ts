/** UCX in an executable that carries nothing but it: one exchange, and what it says of threads. */
import { AsyncUcxManager, UcxError, UcxWorker } from "../../src/ucx/mod.ts";

const ucx = { TLS: "tcp", NET_DEVICES: "lo" };
{
  using worker = new UcxWorker({ ucx });
  const listener = worker.createListener("127.0.0.1:0");
  const id = worker.connect(listener.address);
  const data = Uint8Array.of(1, 2, 3);
  worker.sendTag(id, 7, data);
  const { data: received, tag } = worker.receiveTagMessage(undefined, 7);
  console.log(`${tag}: ${received.join(" ")}, ${worker.info().usesShim}`);
}
const manager = new AsyncUcxManager({ ucx });
const server = manager.createServer("127.0.0.1:0", {
  workers: 2,
  handlerModule: new URL("./handler.ts", import.meta.url),
});
try {
  await server.listen();
} catch (error) {
  console.log(error instanceof UcxError ? error.code : error);
}
await manager.shutdown();
