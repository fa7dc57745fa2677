/** The other side of raw.test.ts: speaks to UCX's own example programs. One role per start, named by the first parameter. */
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { UcxWorker } from "../../../src/ucx/mod.ts";
import { exampleText } from "../../support/ucx_examples.ts";
import { say, waitForOne } from "../../support/ucx_peer.ts";

const [role = "", tls = "", kind = "", where = "", ...numbers] =
  process.argv.slice(2);
const [size = 0, parts = 1, count = 1] = numbers.map(Number);

const worker = new UcxWorker({
  raw: true,
  // Which transports UCX uses for what depends on the features: they must be the same at both ends.
  enableTag: kind === "tag",
  enableStream: kind === "stream",
  enableActiveMessages: kind === "am",
  timeoutMs: 10_000,
  ucx: { TLS: tls, NET_DEVICES: "lo" },
});
const none = new Uint8Array(0);
const exampleTag = 0xcafe;
const helloTag = 0x1337_a880;

function same(left: Uint8Array, right: Uint8Array): boolean {
  return (
    left.length === right.length &&
    left.every((byte, index) => byte === right[index])
  );
}

/** Receives so many messages of ucp_client_server; says how many of them are as they should be. */
function receive(): void {
  const expected = exampleText(size, parts);
  const buffer = new Uint8Array(new ArrayBuffer(expected.length));
  let right = 0;
  let handled = 0;
  if (kind === "am")
    worker.onActiveMessage(0, ({ data }) => {
      handled++;
      if (same(data, expected)) right++;
    });
  const listener = worker.createListener("127.0.0.1:0");
  say(listener.port);
  const id = waitForOne(worker);
  for (let index = 0; index < count; index++) {
    if (kind === "am") {
      const endMs = performance.now() + 20_000;
      while (handled <= index && performance.now() < endMs) worker.progress();
      continue;
    }
    buffer.fill(0);
    if (kind === "tag") worker.receiveTag(undefined, exampleTag, buffer);
    else worker.receiveStream(id, buffer, { waitAll: true });
    if (same(buffer, expected)) right++;
  }
  say(right);
}

/** Sends so many messages to ucp_client_server. */
function send(): void {
  const id = worker.connect(`127.0.0.1:${where}`);
  const text = exampleText(size);
  const data = parts === 1 ? text : Array.from({ length: parts }, () => text);
  for (let index = 0; index < count; index++) {
    if (kind === "tag") worker.sendTag(id, exampleTag, data);
    else if (kind === "stream") worker.sendStream(id, data);
    else worker.sendActiveMessage(id, 0, none, data);
  }
  say("sent");
  // In raw mode nothing tells that all has been received, but the example breaks off when it has.
  const endMs = performance.now() + 20_000;
  while (worker.isConnected(id) && performance.now() < endMs)
    worker.runProgressLoop(1);
}

/** Reads exactly so many bytes of a socket. */
async function read(socket: Socket, byteLength: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(byteLength) as Buffer | null;
    if (bytes !== null) return bytes;
    await new Promise((resolve) => socket.once("readable", resolve));
  }
}

/** The message of ucp_hello_world: a length, and so many bytes. */
function helloMessage(bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(new ArrayBuffer(8 + bytes.length));
  new DataView(message.buffer).setBigUint64(0, BigInt(bytes.length), true);
  message.set(bytes, 8);
  return message;
}

/** Is the client of ucp_hello_world: says whether the text that it got is right. */
async function helloClient(): Promise<void> {
  const socket = connect(Number(where), "127.0.0.1");
  const length = (await read(socket, 8)).readBigUInt64LE();
  const address = new Uint8Array(await read(socket, Number(length)));
  const id = worker.connectToWorker(address);
  worker.sendTag(id, helloTag, helloMessage(worker.workerAddress));
  const buffer = new Uint8Array(new ArrayBuffer(size + 8));
  const bytes = worker.receiveTag(undefined, helloTag, buffer);
  say(bytes === size + 8 && same(buffer.subarray(8), exampleText(size)));
  worker.disconnect(id);
  socket.end();
}

/** Is the server of ucp_hello_world. */
async function helloServer(): Promise<void> {
  const server = createServer();
  const accepted = new Promise<Socket>((resolve) =>
    server.once("connection", resolve),
  );
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve()),
  );
  say((server.address() as { readonly port: number }).port);
  const socket = await accepted;
  server.close();
  // The length and the address are what a message is too.
  await new Promise((resolve) =>
    socket.write(helloMessage(worker.workerAddress), resolve),
  );
  const buffer = new Uint8Array(new ArrayBuffer(4096));
  const bytes = worker.receiveTag(undefined, helloTag, buffer);
  const id = worker.connectToWorker(buffer.subarray(8, bytes));
  worker.sendTag(id, helloTag, helloMessage(exampleText(size)));
  const endMs = performance.now() + 20_000;
  while (worker.isConnected(id) && performance.now() < endMs)
    worker.runProgressLoop(1);
  socket.end();
  say("served");
}

const roles: Readonly<Record<string, () => void | Promise<void>>> = {
  receive,
  send,
  "hello-client": helloClient,
  "hello-server": helloServer,
};
await roles[role]?.();
worker.close();
process.exit(0);
