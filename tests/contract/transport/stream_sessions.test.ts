import type { Connection } from "../../../src/transport/adapter.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import type { FramedSession } from "../../../src/transport/session/framed_session.ts";
import { HeardSession } from "../../support/session_pairs.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import {
  removeSocketPaths,
  socketPath,
} from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const registry = createDefaultRegistry();
const closers: (() => unknown)[] = [];

async function listen(
  at: string,
  attach: () => FramedSession,
): Promise<{ readonly address: string; readonly ends: Connection[] }> {
  const { adapter, address } = registry.resolve(at);
  const ends: Connection[] = [];
  const listener = await adapter.listen(
    address,
    { closeTimeoutMs: 2000 },
    (connection) => {
      ends.push(connection);
      return attach().attach(connection);
    },
  );
  closers.push(() => listener.close());
  return { address: listener.address, ends };
}

async function connect(
  to: string,
  session: FramedSession,
): Promise<Connection> {
  const { adapter, address } = registry.resolve(to);
  return await adapter.connect(
    address,
    { closeTimeoutMs: 2000 },
    (connection) => session.attach(connection),
  );
}

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(removeSocketPaths);

const places: readonly (readonly [string, () => string])[] = [
  ["tcp", () => "tcp://127.0.0.1:0"],
  ["unix", () => `unix://${socketPath()}`],
];

for (const [name, place] of places)
  describe(`session over ${name}`, () => {
    test(
      "messages, requests, large ones and a drain",
      async () => {
        const server = new HeardSession({
          role: "server",
          listeners: { onRequest: async (request) => request.payload },
        });
        const { address } = await listen(place(), () => server.session);
        const client = new HeardSession({ role: "client" });
        await connect(address, client.session);
        await client.session.whenOpen();
        let sent = 0;
        while (sent < 20_000) {
          if (client.session.trySend(`m${sent}`)) sent += 1;
          else await client.session.ping();
        }
        const large = Uint8Array.from(
          { length: 4_000_000 },
          (_, at) => at * 31,
        );
        const answers = await Promise.all([
          client.session.request(large, { priority: "low" }),
          ...Array.from({ length: 500 }, (_, at) =>
            client.session.request(`${at}`),
          ),
        ]);
        expect(Buffer.compare(answers[0].payload, large)).toBe(0);
        expect(answers.slice(1).map((each) => each.text())).toEqual(
          Array.from({ length: 500 }, (_, at) => `${at}`),
        );
        await until("all", () => server.texts.length === 20_000);
        expect(server.texts).toEqual(
          Array.from({ length: 20_000 }, (_, at) => `m${at}`),
        );
        const end = await server.session.drain({ reason: "over" });
        expect([end.code, end.by, end.unconfirmed]).toEqual([1001, "us", 0]);
        const theirs = await client.session.whenEnded();
        expect([theirs.code, theirs.by, theirs.unconfirmed]).toEqual([
          1001,
          "peer",
          0,
        ]);
      },
      { timeoutMs: 20_000 },
    );

    test(
      "a session goes on over another connection when one is cut off",
      async () => {
        const server = new HeardSession({
          role: "server",
          resumeToken: Uint8Array.of(5),
        });
        const { address, ends } = await listen(place(), () => server.session);
        const client = new HeardSession({
          role: "client",
          resumes: true,
          listeners: {
            onStateChange: (state) => {
              if (state === "away") void connect(address, client.session);
            },
          },
        });
        await connect(address, client.session);
        await client.session.whenOpen();
        for (let sent = 0; sent < 2000;) {
          if (client.session.trySend(`m${sent}`)) sent += 1;
          if (sent % 300 === 0) {
            const before = client.session.statistics.resumptions;
            ends.at(-1)?.abort();
            await until(
              "again",
              () =>
                client.session.statistics.resumptions > before &&
                client.session.state === "open",
            );
          }
        }
        await until("all", () => server.texts.length >= 2000);
        expect(server.texts).toEqual(
          Array.from({ length: 2000 }, (_, at) => `m${at}`),
        );
        expect(client.session.statistics.resumptions).toBe(6);
        const end = await client.session.close();
        expect(end.unconfirmed).toBe(0);
      },
      { timeoutMs: 20_000 },
    );

    test("a peer that writes garbage is closed", async () => {
      const server = new HeardSession({ role: "server" });
      const { address } = await listen(place(), () => server.session);
      const { adapter, address: to } = registry.resolve(address);
      let isClosed = false;
      const raw = await adapter.connect(to, {}, () => ({
        data() {},
        drain() {},
        closed() {
          isClosed = true;
        },
      }));
      raw.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      const end = await server.session.whenEnded();
      expect([end.code, end.by]).toEqual([1009, "us"]);
      await until("closed", () => isClosed);
    });
  });
