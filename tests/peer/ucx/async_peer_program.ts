/** One side of the two-process tests of the asynchronous level. What it says on stdout are lines of JSON. */
import process from "node:process";
import { AsyncUcxManager, UcxError, UcxWorker } from "../../../src/ucx/mod.ts";

const [role = "", address = "", tls = "tcp", mode = "adaptive", more = ""] =
  process.argv.slice(2);

function say(value: unknown): void {
  console.log(JSON.stringify(value));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const manager = new AsyncUcxManager({
  ucx: { TLS: tls, NET_DEVICES: "lo" },
  progress: { mode: mode as "adaptive" | "busy" | "sleep" },
  keepAliveMs: 200,
});
const decoder = new TextDecoder();

/** Sends every message back; one of tag 9 ends the server. */
async function serve(): Promise<void> {
  const server = manager.createServer("127.0.0.1:0");
  await server.listen();
  server.events.on("close", (info) =>
    say({ closed: info.by, orderly: info.orderly, code: info.error?.code }),
  );
  say(server.address);
  await server.start(async (client) => {
    for await (const message of client.messages({ maxLength: 2 ** 26 })) {
      if (message.tag === 9) {
        await client.send(message);
        void server.drain();
        return;
      } else await client.send(message);
    }
  });
  await manager.shutdown();
  say("end");
}

/** Two threads that send every message back, with their names before it. */
async function threads(): Promise<void> {
  const server = manager.createServer("127.0.0.1:0", {
    workers: 2,
    handlerModule: new URL(
      "../../contract/ucx/async_thread_handler_program.ts",
      import.meta.url,
    ),
  });
  await server.listen();
  say(server.address);
  await server.start();
}

/** The blocking level asks, once for each of some connections. */
async function block(): Promise<void> {
  await manager.shutdown();
  using worker = new UcxWorker({ ucx: { TLS: tls, NET_DEVICES: "lo" } });
  const names = new Set<string>();
  const buffer = new Uint8Array(100);
  for (let index = 0; index < 4; index++) {
    const id = worker.connect(address, { timeoutMs: 15_000 });
    worker.sendTag(id, 5, new TextEncoder().encode("blocking"));
    const bytes = worker.receiveTag(id, 5, buffer, { timeoutMs: 15_000 });
    names.add(decoder.decode(buffer.subarray(0, bytes)));
  }
  say(names.size);
}

async function ask(): Promise<void> {
  const client = manager.createClient();
  await client.connect(address, { timeoutMs: 15_000 });
  const texts: string[] = [];
  for (let index = 0; index < 200; index++)
    texts.push(
      decoder.decode(
        await client.request(1, `question ${index}`, { timeoutMs: 15_000 }),
      ),
    );
  const ordered = texts.every((text, index) => text === `question ${index}`);
  const receiving = (async () => {
    let sum = 0;
    for (let index = 0; index < 3000; index++)
      sum += Number(decoder.decode(await client.receiveMessage(2)));
    return sum;
  })();
  await client.sendBatch(
    Array.from({ length: 3000 }, (_, index) => ({
      tag: 2,
      data: String(index),
    })),
  );
  const sum = await receiving;
  const big = new Uint8Array(3 * 2 ** 20).map((_, index) => index % 251);
  const [back] = await Promise.all([
    client.receiveMessage(4, 2 ** 26, { timeoutMs: 15_000 }),
    client.sendMessage(4, big, { timeoutMs: 15_000 }),
  ]);
  const same = back.every((byte, index) => byte === big[index]);
  const ping = await client.ping({ timeoutMs: 15_000 });
  say({ ordered, sum, same, length: back.length, pinged: ping > 0 });
  if (more === "stop") await client.request(9, "stop", { timeoutMs: 15_000 });
  await client.close();
  await manager.shutdown();
}

/** Connects, and says what becomes of a wait. */
async function wait(): Promise<void> {
  const client = manager.createClient();
  await client.connect(address, { timeoutMs: 15_000 });
  say("connected");
  const startMs = cpuMs();
  try {
    await client.receiveMessage(undefined, undefined, { timeoutMs: 15_000 });
    say("received");
  } catch (error) {
    say({
      code: error instanceof UcxError ? error.code : String(error),
      cpuMs: Math.round(cpuMs() - startMs),
    });
  }
  await manager.shutdown();
}

/** Leaves everything open, and nothing that waits. */
async function leave(): Promise<void> {
  const client = manager.createClient();
  await client.connect(address, { timeoutMs: 15_000 });
  await client.request(1, "hello", { timeoutMs: 15_000 });
  say("left");
}

const roles: Readonly<Record<string, () => Promise<void>>> = {
  serve,
  ask,
  threads,
  block,
  wait,
  leave,
};
await roles[role]?.();
