/** Servers and clients in processes of their own, in either runtime: they are killed, and come back. */
import { FateUnknownError } from "../../../src/transport/session_errors.ts";
import type { SessionEnd } from "../../../src/transport/session.ts";
import {
  addressOf,
  EndsTrials,
  removeEndsLeftovers,
} from "../../support/ends_fixture.ts";
import { peerFixture } from "../../support/peer_process.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import { refusalOf, socketPath } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const program = new URL("./ends_program.ts", import.meta.url);
const peers = peerFixture();
afterAll(removeEndsLeftovers);

const addresses = {
  tcp: () => "tcp://127.0.0.1:0",
  unix: () => `unix://${socketPath()}`,
  ws: () => "ws://127.0.0.1:0/",
};

for (const [scheme, address] of Object.entries(addresses)) {
  const trials = new EndsTrials({ scheme, address });
  afterEach(async () => {
    await trials.closeAll();
    await peers.stopAll();
  });

  for (const runtime of ["bun", "deno"] as const)
    describe(`a process of ${runtime} over ${scheme}`, () => {
      test(
        "a killed server: the client hears, waits, and goes on with the next one",
        async () => {
          const first = peers.start(runtime, program, "server", address());
          const url = await first.line();
          const client = await trials.client(url);
          const codes: number[] = [];
          client.on("disconnect", ({ code }) => codes.push(code));
          let gaps = 0;
          client.on("gap", () => {
            gaps += 1;
          });
          expect((await client.request("x")).text()).toBe(`${first.pid} x`);
          const lost = refusalOf(client.request("never"));
          const kept = client.request("again", {
            idempotencyKey: "one",
            timeoutMs: 20_000,
          });
          expect((await kept).text()).toBe(`${first.pid} again`);
          first.kill("SIGKILL");
          await first.exited;
          await until("away", () => client.state === "away");
          expect(codes).toEqual([1006]);
          const waiting = client.request("late", { timeoutMs: 20_000 });
          const second = peers.start(runtime, program, "server", url);
          expect(await second.line()).toBe(url);
          expect((await waiting).text()).toBe(`${second.pid} late`);
          expect(await lost).toBeInstanceOf(FateUnknownError);
          expect(gaps).toBe(1);
        },
        { timeoutMs: 30_000 },
      );

      test(
        "a killed client: its session is kept for a time, and then over",
        async () => {
          const server = await trials.server((to) =>
            to.withResume({ maxAwayMs: 200 }),
          );
          const tags: number[] = [];
          server.onMessage((message) => {
            tags.push(Number(message.tag));
          });
          server.onRequest(() => "go");
          const ends: SessionEnd[] = [];
          let away = 0;
          server.on("sessionAway", () => {
            away += 1;
          });
          server.on("sessionEnd", ({ end }) => ends.push(end));
          const peer = peers.start(
            runtime,
            program,
            "client",
            addressOf(server),
            "100",
          );
          const [id = "", word] = (await peer.line()).split(" ");
          expect(word).toBe("go");
          expect(tags).toEqual(
            Array.from({ length: 100 }, (_, index) => index + 1),
          );
          expect((await server.request(id, "you")).text()).toBe("client you");
          const session = server.session(id);
          peer.kill("SIGKILL");
          await until("away", () => away === 1);
          expect(session?.state === "open").toBe(false);
          await until("over", () => ends.length === 1);
          expect(server.sessionCount).toBe(0);
        },
        { timeoutMs: 30_000 },
      );
    });
}
