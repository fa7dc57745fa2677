/** Receivers that do not read, and many of them, over every protocol. */
import type { TransportClient } from "../../../src/transport/client/client.ts";
import type {
  DroppedMessages,
  SlowConsumer,
} from "../../../src/transport/server/events.ts";
import { CloseCode } from "../../../src/wire/close_codes.ts";
import {
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
import { pause, until } from "../../support/waiting.ts";

afterAll(removeEndsLeftovers);

for (const protocol of endsProtocols) {
  const trials = new EndsTrials(protocol);
  afterEach(() => trials.closeAll());

  describe(`slow receivers over ${protocol.scheme}`, () => {
    test("a stuck reader of broadcasts loses them, is named, and holds up nobody", async () => {
      const server = await trials.server();
      const drops: DroppedMessages[] = [];
      const slow: SlowConsumer[] = [];
      server.on("drop", (drop) => drops.push(drop));
      server.on("slowConsumer", (who) => slow.push(who));
      const stuck = await trials.client(server);
      const messages = stuck.messages();
      const quick = await trials.client(server);
      let heard = 0;
      quick.onMessage(() => {
        heard += 1;
      });
      const stuckSession = await sessionOf(server, stuck);
      await sessionOf(server, quick);
      const body = new Uint8Array(16_384);
      let sent = 0;
      let dropped = 0;
      let broadcasts = 0;
      while (dropped < 50) {
        const result = server.broadcast(body, { tag: broadcasts });
        broadcasts += 1;
        sent += result.sent;
        dropped += result.dropped;
        expect(result.sent + result.dropped).toBe(2);
        await until("the quick one", () => heard === broadcasts);
      }
      expect(heard).toBe(broadcasts);
      expect(sent).toBe(2 * broadcasts - 50);
      expect(drops.length).toBe(50);
      expect(
        drops.every(
          ({ session, reason }) =>
            session === stuckSession && reason === "slow",
        ),
      ).toBe(true);
      expect(slow.map(({ session, closed }) => [session, closed])).toEqual([
        [stuckSession, false],
      ]);
      expect(slow[0]?.queuedBytes).toBeLessThan(2_000_000);
      expect(server.statistics.dropped).toBe(50);
      // What it did not lose is in order, and complete.
      for (let tag = 0; tag < broadcasts - 50; tag++)
        expect((await messages.next()).value?.tag).toBe(BigInt(tag));
      await until("room again", () => server.broadcast("again").dropped === 0);
      for (;;) if ((await messages.next()).value?.payload.length === 5) break;
    });

    test("a stuck reader is closed where that is the policy", async () => {
      const server = await trials.server((to) =>
        to.withSlowConsumers({ policy: "close", afterDrops: 3 }),
      );
      const slow: [number, boolean][] = [];
      server.on("slowConsumer", ({ dropsInRow, closed }) =>
        slow.push([dropsInRow, closed]),
      );
      const ends: number[] = [];
      server.on("sessionEnd", ({ end }) => ends.push(end.code));
      const stuck = await trials.client(server, (to) =>
        to.withReconnect(false),
      );
      const codes: number[] = [];
      stuck.on("disconnect", ({ code }) => codes.push(code));
      stuck.messages();
      await sessionOf(server, stuck);
      const body = new Uint8Array(16_384);
      for (let count = 0; slow.length < 2; count++) {
        if (count > 5000) throw new Error("nobody closes it");
        server.broadcast(body);
      }
      // It is on its way out, and nothing comes after its goodbye.
      expect(server.broadcast(body)).toEqual({ sent: 0, dropped: 0 });
      await until("gone", () => server.sessionCount === 0);
      expect(slow).toEqual([
        [1, false],
        [3, true],
      ]);
      expect(ends).toEqual([CloseCode.TryAgainLater]);
      await until("it hears", () => codes.length > 0);
      expect(codes).toEqual([CloseCode.TryAgainLater]);
    });

    test("a slow handler slows its sender, and nothing is lost", async () => {
      const server = await trials.server((to) =>
        to.withLimits({ creditMessages: 8 }),
      );
      let active = 0;
      let most = 0;
      const seen: number[] = [];
      server.onMessage(async (message) => {
        active += 1;
        most = Math.max(most, active);
        await pause(1);
        active -= 1;
        seen.push(Number(message.tag));
      });
      const client = await trials.client(server);
      for (let tag = 0; tag < 200; tag++)
        await client.send(new Uint8Array(4000), { tag });
      await until("all", () => seen.length === 200);
      expect(seen.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 200 }, (_, index) => index),
      );
      // Those that are handled, and as many that have come and are counted before the next credit.
      expect(most).toBeLessThanOrEqual(64);
    });
  });
}

for (const scheme of ["tcp", "unix"]) {
  const protocol = endsProtocols.find((each) => each.scheme === scheme);
  if (protocol === undefined) throw new Error(`no protocol ${scheme}`);
  const trials = new EndsTrials(protocol);
  afterEach(() => trials.closeAll());

  test(
    `1,000 sessions over ${scheme}: each asks, all hear a broadcast, all leave`,
    async () => {
      const server = await trials.server();
      server.onRequest((request, session) => `${session.id} ${request.text()}`);
      const clients: TransportClient[] = [];
      for (let count = 0; count < 1000; count += 50)
        clients.push(
          ...(await Promise.all(
            Array.from({ length: 50 }, () => trials.client(server)),
          )),
        );
      expect(server.sessionCount).toBe(1000);
      const answers = await Promise.all(
        clients.map((client, index) => client.request(`${index}`)),
      );
      expect(answers.map((answer) => answer.text())).toEqual(
        clients.map((client, index) => `${client.sessionId} ${index}`),
      );
      let heard = 0;
      for (const client of clients)
        client.onMessage(() => {
          heard += 1;
        });
      expect(server.broadcast("to all")).toEqual({ sent: 1000, dropped: 0 });
      await until("all", () => heard === 1000);
      await Promise.all(clients.map((client) => client.close()));
      await until("nobody", () => server.sessionCount === 0);
      expect(server.statistics.sessionsBegun).toBe(1000);
      expect(server.statistics.sessionsEnded).toBe(1000);
      expect(server.statistics.messagesSent).toBe(1000);
      await until("none", () => server.statistics.connections === 0);
    },
    { timeoutMs: 60_000 },
  );
}
