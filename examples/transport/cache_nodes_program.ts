/** A node of `cache_nodes.ts`: values by key, and another node that is told of each change. */
import {
  type IncomingRequest,
  RemoteError,
  TransportClient,
  TransportServer,
} from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

const timeoutMs = 5000;
const values = new Map<string, Uint8Array>();
let peer: TransportClient | undefined;

function keyOf({ headers }: IncomingRequest): string {
  const key = headers.user?.key;
  if (key === undefined) throw new RemoteError("NoKey", "a key is missing");
  return key;
}

/** A copy: the memory of a message is shared with its neighbours. */
function put(request: IncomingRequest): void {
  values.set(keyOf(request), request.payload.slice());
}

/** Tells the other node, and waits until it knows. */
async function replicate(request: IncomingRequest): Promise<void> {
  const subject = `replica ${request.headers.subject}`;
  const headers = { key: keyOf(request) };
  await peer?.request(request.payload, {
    subject,
    headers,
    timeoutMs,
    idempotencyKey: crypto.randomUUID(),
  });
}

async function answer(request: IncomingRequest): Promise<Uint8Array | string> {
  const { subject = "" } = request.headers;
  switch (subject) {
    case "get": {
      const value = values.get(keyOf(request));
      if (value === undefined)
        throw new RemoteError("NotFound", `no ${keyOf(request)} here`);
      return value;
    }
    case "set":
    case "replica set":
      put(request);
      break;
    case "delete":
    case "replica delete":
      values.delete(keyOf(request));
      break;
    case "replicate to":
      peer = await TransportClient.builder()
        .withProtocol(request.text())
        .build();
      return "connected";
    default:
      throw new RemoteError("UnknownOperation", `what is ${subject}?`);
  }
  if (!subject.startsWith("replica ")) await replicate(request);
  return "done";
}

await using server = await TransportServer.builder()
  .withProtocol("tcp://127.0.0.1:0")
  .build();
server.onRequest(answer);
const stop = stopSignal();
const stopped = new Promise((resolve) => {
  stop.addEventListener("abort", resolve);
});
console.log(server.addresses[0]);
await stopped;
await peer?.close();
