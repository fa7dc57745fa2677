/**
 * One end of a TCP or unix socket of Bun: round trips of 8 bytes, then messages of 8 bytes one way, each written by
 * itself. Argument: {role, address, report, trips, messages}.
 */
import process from "node:process";
import { report } from "./rounds.ts";

/** Argument of this program. */
export interface SocketArgument {
  readonly role: "server" | "client";
  /** A path, or `host:port` to connect to. */
  readonly address: string;
  readonly report: string;
  readonly trips: number;
  readonly messages: number;
}

const argument = JSON.parse(process.argv[2] ?? "{}") as SocketArgument;
const { trips, messages } = argument;
const bodyBytes = 8;
const body = new Uint8Array(bodyBytes);

/** Reads whole messages off a stream of bytes. */
class Reader {
  #bytes = 0;
  #wanted = 0;
  #resolve: (() => void) | undefined;

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#resolve === undefined || this.#bytes < this.#wanted) return;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve();
  }

  async take(bytes: number): Promise<void> {
    if (this.#bytes < bytes) {
      this.#wanted = bytes;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#bytes -= bytes;
  }
}

const reader = new Reader();
let writable = (): void => {};
type Socket = Bun.Socket<undefined>;
const handlers = {
  data(_socket: Socket, data: Uint8Array): void {
    reader.add(data.length);
  },
  drain(): void {
    writable();
  },
};
const path = argument.address.startsWith("/");

async function write(socket: Socket): Promise<void> {
  let left = bodyBytes - socket.write(body);
  while (left > 0) {
    await new Promise<void>((resolve) => {
      writable = resolve;
    });
    left -= socket.write(body.subarray(bodyBytes - left));
  }
}

async function serve(): Promise<void> {
  let opened = (_socket: Socket): void => {};
  const connection = new Promise<Socket>((resolve) => {
    opened = resolve;
  });
  const socket = { ...handlers, open: (each: Socket) => opened(each) };
  const listener = path
    ? Bun.listen({ unix: argument.address, socket })
    : Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  console.log("port" in listener ? `127.0.0.1:${listener.port}` : "ready");
  const client = await connection;
  for (let trip = 0; trip < trips; trip++) {
    await reader.take(bodyBytes);
    await write(client);
  }
  await reader.take(messages * bodyBytes);
  await write(client);
  client.flush();
  client.end();
  listener.stop();
}

async function measure(): Promise<void> {
  const [hostname = "", port = "0"] = argument.address.split(":");
  const socket = path
    ? await Bun.connect({ unix: argument.address, socket: handlers })
    : await Bun.connect({ hostname, port: Number(port), socket: handlers });
  let startMs = performance.now();
  for (let trip = 0; trip < trips; trip++) {
    await write(socket);
    await reader.take(bodyBytes);
  }
  report(
    `${argument.report}.await-lat-8`,
    ((performance.now() - startMs) / trips) * 500,
    "us",
  );
  startMs = performance.now();
  for (let index = 0; index < messages; index++) await write(socket);
  await reader.take(bodyBytes);
  report(
    `${argument.report}.rate-8`,
    messages / ((performance.now() - startMs) / 1000),
    "msg/s",
  );
  socket.end();
}

if (argument.role === "server") await serve();
else await measure();
