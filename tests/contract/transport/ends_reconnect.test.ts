/** Lost connections, servers that come back, and what waits meanwhile, over every protocol. */
import {
  OfflineBufferFullError,
  ReconnectFailedError,
} from "../../../src/transport/client/errors.ts";
import type {
  ClientDrop,
  ClientGap,
} from "../../../src/transport/client/events.ts";
import { TransportClient } from "../../../src/transport/client/client.ts";
import {
  InvalidAddressError,
  TimedOutError,
  TransportError,
  UnknownSchemeError,
} from "../../../src/transport/errors.ts";
import {
  FateUnknownError,
  SessionClosedError,
} from "../../../src/transport/session_errors.ts";
import {
  addressOf,
  EndsTrials,
  endsProtocols,
  removeEndsLeftovers,
  sessionOf,
} from "../../support/ends_fixture.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

afterAll(removeEndsLeftovers);

for (const protocol of endsProtocols) {
  const trials = new EndsTrials(protocol);
  afterEach(() => trials.closeAll());

  describe(`lost connections over ${protocol.scheme}`, () => {
    test("a session goes on after its connection is cut, and nothing is lost, doubled or out of order", async () => {
      const server = await trials.server();
      const seen: number[] = [];
      server.onMessage((message) => {
        seen.push(Number(message.tag));
      });
      server.onRequest((request) => request.payload);
      const events: string[] = [];
      server.on("sessionAway", () => events.push("away"));
      server.on("sessionResumed", () => events.push("back"));
      const client = await trials.client(server);
      client.on("resumed", () => events.push("resumed"));
      client.on("gap", () => events.push("gap"));
      const { sessionId } = client;
      const session = await sessionOf(server, client);
      server.join(session.id, "red");
      const heard: number[] = [];
      client.onMessage((message) => {
        heard.push(Number(message.tag));
      });
      const body = new Uint8Array(500);
      for (let tag = 1; tag <= 2000; tag++) {
        await client.send(body, { tag });
        await server.send(session.id, body, { tag });
        // In the middle of things, on one side or the other.
        if (tag === 700) session.connection?.abort("cut");
        if (tag === 1400) client.session?.connection?.abort("cut");
      }
      await until("all there", () => seen.length >= 2000);
      await until("all here", () => heard.length >= 2000);
      const inOrder = Array.from({ length: 2000 }, (_, index) => index + 1);
      expect(seen).toEqual(inOrder);
      expect(heard).toEqual(inOrder);
      expect(client.sessionId).toBe(sessionId);
      expect(server.session(session.id)).toBe(session);
      expect(server.roomsOf(session.id)).toEqual(["red"]);
      expect(events.filter((event) => event === "resumed").length).toBe(2);
      expect(events.filter((event) => event === "back").length).toBe(2);
      expect(events.includes("gap")).toBe(false);
      expect(server.statistics.sessionsResumed).toBe(2);
      expect(client.statistics.resumptions).toBe(2);
    });

    test("a request whose connection is cut is answered over the next one", async () => {
      const server = await trials.server();
      let handled = 0;
      const answers: ((text: string) => void)[] = [];
      server.onRequest(() => {
        handled += 1;
        return new Promise<string>((resolve) => answers.push(resolve));
      });
      const client = await trials.client(server);
      const asked = client.request("x");
      await until("the request", () => handled === 1);
      (await sessionOf(server, client)).connection?.abort("cut");
      await until("back", () => client.statistics.resumptions === 1);
      for (const answer of answers) answer("late but here");
      expect((await asked).text()).toBe("late but here");
      expect(handled).toBe(1);
    });

    test("a new server at the same address: what may be repeated is, the rest is told", async () => {
      const server = await trials.server();
      const address = addressOf(server);
      server.onRequest(() => new Promise(() => undefined));
      const client = await trials.client(server);
      const gaps: ClientGap[] = [];
      client.on("gap", (gap) => gaps.push(gap));
      const connects: boolean[] = [];
      client.on("connect", ({ resumed }) => connects.push(resumed));
      const before = client.sessionId;
      const once = refusalOf(client.request("once"));
      const again = client.request("again", { idempotencyKey: "k-1" });
      await until("both", () => server.statistics.requestsReceived === 2);
      for (const session of server.sessions) session.abort("crash");
      await server.close();
      const keys: (string | undefined)[] = [];
      // Before it listens: the client comes at once.
      await trials.server(
        (next) =>
          next.onRequest((request) => {
            keys.push(request.headers.idempotencyKey);
            return `new: ${request.text()}`;
          }),
        address,
      );
      expect((await again).text()).toBe("new: again");
      expect(await once).toBeInstanceOf(FateUnknownError);
      expect(keys).toEqual(["k-1"]);
      expect(client.sessionId === before).toBe(false);
      expect(connects).toEqual([false]);
      expect(gaps.map(({ direction }) => direction)).toEqual(["sent"]);
      expect((await client.request("y")).text()).toBe("new: y");
    });

    test("what is sent without a connection goes out later, in order, within its bounds", async () => {
      const server = await trials.server();
      const address = addressOf(server);
      const client = await trials.client(server, (to) =>
        to.withOfflineBuffer({ maxBytes: 21 * 164 }),
      );
      const drops: ClientDrop[] = [];
      client.on("drop", (drop) => drops.push(drop));
      await server.close();
      await until("away", () => client.state === "away");
      const body = new Uint8Array(100);
      const sends: Promise<void>[] = [];
      for (let tag = 1; tag <= 20; tag++) {
        body[0] = tag;
        if (tag % 2 === 0) sends.push(client.send(body, { tag }));
        else expect(client.trySend(body, { tag })).toBe(true);
      }
      // The memory is the caller's again.
      body.fill(0);
      const larger = new Uint8Array(101);
      expect(client.trySend(larger)).toBe(false);
      expect(await refusalOf(client.send(larger))).toBeInstanceOf(
        OfflineBufferFullError,
      );
      // It is connected by then, and still this one is the last.
      client.on("connect", () => {
        expect(client.state).toBe("open");
        client.trySend(Uint8Array.of(21), { tag: 21 });
      });
      expect(client.statistics.offlineMessages).toBe(20);
      expect(client.statistics.offlineBytes).toBe(20 * 164);
      const next = await trials.server((to) => to, address);
      const seen: [number, number | undefined][] = [];
      next.onMessage((message) => {
        seen.push([Number(message.tag), message.payload[0]]);
      });
      await Promise.all(sends);
      await until("all", () => seen.length === 21);
      expect(seen).toEqual(
        Array.from({ length: 21 }, (_, index) => [index + 1, index + 1]),
      );
      expect(drops).toEqual([]);
      expect(client.statistics.offlineMessages).toBe(0);
    });

    test("what waits too long is given up, and said", async () => {
      const server = await trials.server();
      const client = await trials.client(server, (to) =>
        to.withOfflineBuffer({ maxAgeMs: 60 }),
      );
      const drops: ClientDrop[] = [];
      client.on("drop", (drop) => drops.push(drop));
      await server.close();
      await until("away", () => client.state === "away");
      expect(client.trySend("12345")).toBe(true);
      const late = refusalOf(client.send("678"));
      expect(await late).toBeInstanceOf(TimedOutError);
      await until("both", () => client.statistics.dropped === 2);
      const sum = (name: "messages" | "bytes") =>
        drops.reduce((total, drop) => total + drop[name], 0);
      expect([sum("messages"), sum("bytes")]).toEqual([2, 8]);
      expect(drops.every(({ reason }) => reason === "too old")).toBe(true);
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const given = refusalOf(client.send("x", { signal: controller.signal }));
      controller.abort(reason);
      expect(await given).toBe(reason);
      expect(
        await refusalOf(client.send("x", { timeoutMs: 20 })),
      ).toBeInstanceOf(TimedOutError);
      expect(
        await refusalOf(client.request("x", { timeoutMs: 20 })),
      ).toBeInstanceOf(TimedOutError);
      expect(client.statistics.offlineMessages).toBe(0);
    });

    test("a client gives up after as many tries as it may make", async () => {
      const server = await trials.server();
      const client = await trials.client(server, (to) =>
        to.withReconnect({ maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 5 }),
      );
      const attempts: number[] = [];
      client.on("reconnecting", ({ attempt }) => attempts.push(attempt));
      const closes: (Error | undefined)[] = [];
      client.on("close", ({ error }) => closes.push(error));
      await server.close();
      await until("the end", () => client.state === "closed");
      expect(attempts).toEqual([1, 2, 3]);
      expect(closes.length).toBe(1);
      const error = await refusalOf(client.send("x"));
      expect(error).toBeInstanceOf(ReconnectFailedError);
      expect((error as Error).cause).toBeInstanceOf(TransportError);
      expect(await refusalOf(client.request("x"))).toBe(error);
      expect((await client.messages().next()).done).toBe(true);
      // By hand it can be tried again.
      const next = await trials.server(undefined, addressOf(server));
      next.onRequest(() => "again");
      await client.connect();
      expect((await client.request("x")).text()).toBe("again");
      expect(client.trySend("y")).toBe(true);
    });

    test("without reconnect a lost connection is the end", async () => {
      const server = await trials.server();
      const client = await trials.client(server, (to) =>
        to.withReconnect(false),
      );
      const session = await sessionOf(server, client);
      server.onRequest(() => new Promise(() => undefined));
      const asked = refusalOf(client.request("x"));
      await until("it", () => server.statistics.requestsReceived === 1);
      session.connection?.abort("cut");
      expect(await asked).toBeInstanceOf(FateUnknownError);
      await until("the end", () => client.state === "closed");
      expect(await refusalOf(client.send("x"))).toBeInstanceOf(Error);
    });

    test("sessions that are away are kept for a time, and so many of them", async () => {
      const server = await trials.server((to) =>
        to.withResume({ maxAwayMs: 60_000, maxAwaySessions: 2 }),
      );
      const ended: string[] = [];
      server.on("sessionEnd", ({ session }) => ended.push(session.id));
      const ids: string[] = [];
      for (let index = 0; index < 3; index++) {
        // Too slow to come back by itself within this test.
        const client = await trials.client(server, (to) =>
          to.withReconnect({
            baseDelayMs: 2 ** 31 - 1,
            maxDelayMs: 2 ** 31 - 1,
          }),
        );
        const session = await sessionOf(server, client);
        ids.push(session.id);
        session.connection?.abort("cut");
        await until("away", () => session.state !== "open");
      }
      await until("the oldest", () => ended.length === 1);
      expect(ended).toEqual([ids[0]]);
      expect(server.statistics.awaySessions).toBe(2);
      expect(server.sessionCount).toBe(2);
    });

    test("a session that is away for too long is over", async () => {
      const server = await trials.server((to) =>
        to.withResume({ maxAwayMs: 50 }),
      );
      const client = await trials.client(server, (to) =>
        to.withReconnect({ baseDelayMs: 2 ** 31 - 1, maxDelayMs: 2 ** 31 - 1 }),
      );
      const session = await sessionOf(server, client);
      session.connection?.abort("cut");
      await until("away", () => session.state === "away");
      await until("over", () => session.state === "closed");
      expect(server.sessionCount).toBe(0);
    });

    test("building fails with the reason, or insists", async () => {
      const address = await trials.freeAddress();
      expect(await refusalOf(trials.build(address))).toBeInstanceOf(
        TransportError,
      );
      const errors: (Error | undefined)[] = [];
      const insisting = trials.client(address, (to) =>
        to.withReconnect({ initially: true, baseDelayMs: 5, maxDelayMs: 20 }),
      );
      const server = await trials.server(undefined, address);
      expect((await insisting).state).toBe("open");
      expect(errors).toEqual([]);
      // The second address works.
      const second = await trials.client(await trials.freeAddress(), (to) =>
        to.withProtocol(addressOf(server)),
      );
      expect(second.state).toBe("open");
    });
  });
}

describe("what a client refuses to be", () => {
  const builder = () => TransportClient.builder();

  test("one without an address, or with options that cannot be", async () => {
    for (const [wrong, type, says] of [
      [builder(), TypeError, "withProtocol"],
      [builder().withProtocol("nothing"), InvalidAddressError, "nothing"],
      [builder().withProtocol("foo://x:1"), UnknownSchemeError, "foo"],
      [
        builder()
          .withProtocol("tcp://127.0.0.1:1")
          .withReconnect({ maxAttempts: 0 }),
        RangeError,
        "maxAttempts",
      ],
      [
        builder()
          .withProtocol("tcp://127.0.0.1:1")
          .withOfflineBuffer({ maxBytes: -1 }),
        RangeError,
        "offlineBuffer.maxBytes: given -1",
      ],
      [
        builder().withProtocol("tcp://127.0.0.1:1").withAuth(""),
        TypeError,
        "auth",
      ],
    ] as const) {
      const error = (await refusalOf(wrong.build())) as Error;
      expect(error).toBeInstanceOf(type);
      expect(error.message).toContain(says);
    }
  });

  test("one that is closed", async () => {
    const trials = new EndsTrials({
      scheme: "tcp",
      address: () => "tcp://127.0.0.1:0",
    });
    const server = await trials.server();
    const client = await trials.client(server);
    const end = await client.close();
    expect([end.code, end.by]).toEqual([1000, "us"]);
    expect(await client.close()).toEqual(end);
    expect(await refusalOf(client.send("x"))).toBeInstanceOf(
      SessionClosedError,
    );
    expect(await refusalOf(client.request("x"))).toBeInstanceOf(
      SessionClosedError,
    );
    expect(() => client.trySend("x")).toThrow(SessionClosedError);
    await trials.closeAll();
  });
});
