/** Who comes in, who is sent away, and how a server comes to its end, over every protocol. */
import { connect } from "node:net";
import { TransportServer } from "../../../src/transport/server/server.ts";
import type {
  RefusedConnection,
  ServerFault,
} from "../../../src/transport/server/events.ts";
import { ConnectionLimitError } from "../../../src/transport/server/capacity.ts";
import type { AuthAttempt } from "../../../src/transport/server/options.ts";
import { SessionClosedError } from "../../../src/transport/session_errors.ts";
import { CloseCode } from "../../../src/wire/close_codes.ts";
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

/** The code that a client was sent away with. */
async function codeOf(work: Promise<unknown>): Promise<number> {
  const error = await refusalOf(work);
  if (error instanceof SessionClosedError) return error.closeCode;
  throw error;
}

for (const protocol of endsProtocols) {
  const trials = new EndsTrials(protocol);
  afterEach(() => trials.closeAll());

  describe(`who comes in over ${protocol.scheme}`, () => {
    test("the hook sees credentials, lets in with metadata, or refuses", async () => {
      const attempts: AuthAttempt[] = [];
      const refused: RefusedConnection[] = [];
      const server = await trials.server((to) =>
        to.withAuth(async (attempt) => {
          attempts.push(attempt);
          if (attempt.credentials === "Bearer good")
            return { allow: true, metadata: { user: "ann" } };
          return { allow: false, reason: "not you" };
        }),
      );
      server.on("refused", (who) => refused.push(who));
      let asked = 0;
      const client = await trials.client(server, (to) =>
        to.withAuth(async () => {
          asked += 1;
          return "Bearer good";
        }),
      );
      expect(asked).toBe(1);
      const session = await sessionOf(server, client);
      expect(session.metadata.get("user")).toBe("ann");
      expect(attempts[0]?.session).toBe(session);
      expect(attempts[0]?.connection).toBe(session.connection);
      const bad = trials.build(server, (to) => to.withAuth("Bearer bad"));
      expect(await codeOf(bad)).toBe(CloseCode.Unauthorized);
      expect(await codeOf(trials.build(server))).toBe(CloseCode.Unauthorized);
      expect(attempts.map((attempt) => attempt.credentials)).toEqual([
        "Bearer good",
        "Bearer bad",
        undefined,
      ]);
      expect(refused.map(({ code, reason }) => [code, reason])).toEqual([
        [CloseCode.Unauthorized, "not you"],
        [CloseCode.Unauthorized, "not you"],
      ]);
      expect(server.statistics.refused).toBe(2);
      expect(server.sessionCount).toBe(1);
    });

    test("a hook that throws refuses, says so here, and not there", async () => {
      const faults: ServerFault[] = [];
      const server = await trials.server((to) =>
        to.withAuth(() => {
          throw new Error("the secret database is down");
        }),
      );
      server.on("error", (fault) => faults.push(fault));
      const error = (await refusalOf(trials.build(server))) as Error;
      expect((error as SessionClosedError).closeCode).toBe(
        CloseCode.InternalError,
      );
      expect(error.message.includes("secret")).toBe(false);
      expect(faults.map(({ during }) => during)).toEqual(["auth"]);
    });

    test("no more connections than allowed, and again when one is free", async () => {
      const server = await trials.server((to) => to.withMaxConnections(2));
      server.onRequest(() => "here");
      const first = await trials.client(server);
      await trials.client(server);
      expect(await codeOf(trials.build(server))).toBe(
        CloseCode.TooManyConnections,
      );
      expect(server.statistics.connections).toBe(2);
      expect(server.statistics.refused).toBe(1);
      expect((await first.request("x")).text()).toBe("here");
      await first.close();
      await until("room", () => server.statistics.connections < 2);
      const third = await trials.client(server);
      expect((await third.request("x")).text()).toBe("here");
    });

    test("a client that waits for room comes in by itself", async () => {
      const server = await trials.server((to) => to.withMaxConnections(1));
      const first = await trials.client(server);
      const waiting = trials.client(server, (to) =>
        to.withReconnect({ initially: true, baseDelayMs: 5, maxDelayMs: 20 }),
      );
      await until("a refusal", () => server.statistics.refused > 0);
      await first.close();
      expect((await waiting).state).toBe("open");
    });

    test("who is kicked hears it, and does not come back", async () => {
      const server = await trials.server();
      const client = await trials.client(server);
      const { id } = await sessionOf(server, client);
      const codes: [number, boolean][] = [];
      client.on("disconnect", ({ code, willReconnect }) =>
        codes.push([code, willReconnect]),
      );
      const ends: number[] = [];
      server.on("sessionEnd", ({ end }) => ends.push(end.code));
      expect(server.kick("nobody")).toBe(false);
      expect(server.kick(id, "enough")).toBe(true);
      await until("closed", () => client.state === "closed");
      expect(codes).toEqual([[CloseCode.Kicked, false]]);
      expect(await codeOf(client.request("x"))).toBe(CloseCode.Kicked);
      expect(await codeOf(client.send("x"))).toBe(CloseCode.Kicked);
      expect(() => client.trySend("x")).toThrow("enough");
      await until("gone", () => server.sessionCount === 0);
      expect(ends).toEqual([CloseCode.Kicked]);
    });

    test("messages that may be lost are told when a session is cut off, and not when it ends in order", async () => {
      const server = await trials.server();
      const drops: [string, number][] = [];
      server.on("drop", ({ session, messages }) =>
        drops.push([session.id, messages]),
      );
      const orderly = await trials.client(server);
      await (await sessionOf(server, orderly)).send("one");
      await orderly.close();
      await until("the first gone", () => server.sessionCount === 0);
      expect(drops).toEqual([]);
      const kicked = await trials.client(server);
      const first = await sessionOf(server, kicked);
      await first.send("one");
      server.kick(first.id);
      expect(first.state).toBe("draining");
      await until("kicked", () => server.sessionCount === 0);
      expect(drops).toEqual([[first.id, 1]]);
      const cut = await trials.client(server, (to) => to.withReconnect(false));
      cut.onRequest(() => new Promise<string>(() => undefined));
      const second = await sessionOf(server, cut);
      const asked = second.request("x");
      asked.catch(() => undefined);
      const drained = server.drain({ timeoutMs: 10_000 });
      await until("the goodbye", () => cut.state === "draining");
      cut.session?.connection?.abort("cut");
      expect(await drained).toEqual({ drained: 0, forced: 1 });
      expect(drops.slice(1)).toEqual([[second.id, 1]]);
    });

    test("a drain does not wait longer than it may for a client that reads nothing", async () => {
      const server = await trials.server((to) => to.withCloseTimeout(60_000));
      const client = await trials.client(server);
      const connection = client.session?.connection;
      connection?.pause();
      const beganMs = performance.now();
      expect(await server.drain({ timeoutMs: 500 })).toEqual({
        drained: 0,
        forced: 1,
      });
      expect(performance.now() - beganMs).toBeLessThan(20_000);
      connection?.abort("enough");
    });

    test("a drain answers what was accepted, and takes nothing new", async () => {
      const server = await trials.server();
      const answers: ((text: string) => void)[] = [];
      server.onRequest(
        () => new Promise<string>((resolve) => answers.push(resolve)),
      );
      const client = await trials.client(server, (to) =>
        to.withReconnect(false),
      );
      const asked = Array.from({ length: 20 }, () => client.request("x"));
      await until("the requests", () => answers.length === 20);
      const drained = server.drain({ timeoutMs: 10_000, reason: "upgrade" });
      await until("the goodbye", () => client.state === "draining");
      expect(await codeOf(client.request("late"))).toBe(CloseCode.GoingAway);
      for (const answer of answers) answer("done");
      const texts = await Promise.all(
        asked.map(async (each) => (await each).text()),
      );
      expect(texts).toEqual(Array.from({ length: 20 }, () => "done"));
      expect(await drained).toEqual({ drained: 1, forced: 0 });
      await until("closed", () => client.state === "closed");
      expect(await refusalOf(trials.build(addressOf(server)))).toBeInstanceOf(
        Error,
      );
    });

    test("a drain does not wait for ever", async () => {
      const server = await trials.server();
      server.onRequest(() => new Promise(() => undefined));
      const client = await trials.client(server, (to) =>
        to.withReconnect(false),
      );
      const asked = refusalOf(client.request("x"));
      await until("it", () => server.statistics.requestsReceived === 1);
      const beganMs = performance.now();
      const result = await server.drain({ timeoutMs: 100 });
      expect(result).toEqual({ drained: 0, forced: 1 });
      expect(performance.now() - beganMs < 4000).toBe(true);
      expect(await asked).toBeInstanceOf(Error);
    });

    test("closing is bounded, done once, and ends everything", async () => {
      const server = await trials.server();
      const client = await trials.client(server, (to) =>
        to.withReconnect(false),
      );
      const first = server.close();
      expect(server.close()).toBe(first);
      await first;
      await until("closed", () => client.state === "closed");
      expect(server.sessionCount).toBe(0);
      await client.close();
      await client.close();
      expect(server.statistics.connections).toBe(0);
    });
  });
}

describe("what a server refuses to be", () => {
  const builder = () => TransportServer.builder();

  test("one without an address, or with options that cannot be", async () => {
    for (const [wrong, type, says] of [
      [builder(), TypeError, "withProtocol"],
      [builder().withProtocol(7 as unknown as string), TypeError, "given 7"],
      [
        builder().withProtocol("tcp://127.0.0.1:0").withMaxConnections(0),
        RangeError,
        "maxConnections: given 0",
      ],
      [
        builder()
          .withProtocol("tcp://127.0.0.1:0")
          .withLimits({ creditBytes: 1 }),
        RangeError,
        "creditBytes",
      ],
      [
        builder()
          .withProtocol("tcp://127.0.0.1:0")
          .withLimits({ unknown: 1 } as object),
        TypeError,
        "unknown",
      ],
      [
        builder()
          .withProtocol("tcp://127.0.0.1:0")
          .withNodeName("é".repeat(65)),
        TypeError,
        "128 bytes",
      ],
    ] as const) {
      const error = (await refusalOf(wrong.build())) as Error;
      expect(error).toBeInstanceOf(type);
      expect(error.message).toContain(says);
    }
  });

  test("one with more connections than the process may have", async () => {
    const error = await refusalOf(
      builder()
        .withProtocol("tcp://127.0.0.1:0")
        .withMaxConnections(2 ** 30)
        .build(),
    );
    expect(error).toBeInstanceOf(ConnectionLimitError);
    expect((error as Error).message).toContain("processes:");
  });

  test("one that listens at a part of its addresses", async () => {
    const trials = new EndsTrials({
      scheme: "tcp",
      address: () => "tcp://127.0.0.1:0",
    });
    const taken = await trials.server();
    const free = await trials.freeAddress();
    const error = (await refusalOf(
      builder().withProtocol(free).withProtocol(addressOf(taken)).build(),
    )) as Error & { code?: string };
    expect(error.code).toBe("AddressInUse");
    // The first address was given back.
    const again = await trials.server(undefined, free);
    expect(addressOf(again)).toBe(free);
    await trials.closeAll();
  });
});

test("garbage instead of a hello is told with the reason that the client got", async () => {
  await using server = await TransportServer.builder()
    .withProtocol("tcp://127.0.0.1:0")
    .build();
  const refused: RefusedConnection[] = [];
  server.on("refused", (who) => refused.push(who));
  const socket = connect(
    Number(new URL(server.addresses[0] ?? "").port),
    "127.0.0.1",
  );
  socket.on("error", () => undefined);
  // Who does not read does not see the end either.
  socket.resume();
  try {
    socket.write(new Uint8Array(64).fill(0xff));
    await until("the refusal", () => refused.length === 1);
    expect(refused[0]?.code).toBe(CloseCode.TooLarge);
  } finally {
    socket.destroy();
  }
});
