import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  type ScriptPeer,
  startScript,
  type Step,
  transports,
} from "./script.ts";

const peers = peerFixture();
const timeoutMs = 60_000;
const keepAliveMs = 500;
/** A machine that does much else may be late. */
const slackMs = 3000;

afterEach(() => peers.stopAll());

async function addressOf(server: ScriptPeer): Promise<string> {
  return String((await server.answer())["address"]);
}

const runtimes: readonly Runtime[] = ["bun", "deno"];

for (const [name, ucx] of transports)
  describe(`over ${name}`, () => {
    for (const survivor of runtimes) {
      test(
        `a peer that is killed is reported to an idle ${survivor} within two keep-alive intervals`,
        async () => {
          const server = startScript(peers, survivor, { ucx, keepAliveMs }, [
            { do: "listen" },
            { do: "awaitOpened", count: 1 },
            { do: "awaitClosed", count: 1 },
          ]);
          const client = startScript(peers, "bun", { ucx, keepAliveMs }, [
            { do: "connect", to: await addressOf(server) },
            { do: "sleep", ms: 60_000 },
          ]);
          await client.answer();
          await server.answer();
          const killedMs = performance.now();
          client.kill("SIGKILL");
          const event = await server.answer();
          const tookMs = performance.now() - killedMs;
          expect(event).toEqual({
            event: "close",
            by: "peer",
            orderly: false,
            error: "UcxConnectionResetError",
            atMs: event["atMs"],
          });
          expect(tookMs).toBeLessThan(2 * keepAliveMs + slackMs);
          expect((await server.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        `a peer that is killed is reported to a sending ${survivor}`,
        async () => {
          const server = startScript(peers, "bun", { ucx, keepAliveMs }, [
            { do: "listen" },
            { do: "receive", tag: 1, bytes: 20_000, times: 200 },
            { do: "die" },
          ]);
          const client = startScript(peers, survivor, { ucx, keepAliveMs }, [
            { do: "connect", to: await addressOf(server) },
            { do: "sendUntilFailure", tag: 1, bytes: 20_000 },
            { do: "send", tag: 1, bytes: 10 },
          ]);
          const answers = await client.answersUntil("finished");
          const failures = answers.flatMap(({ failed }) => failed ?? []);
          // The second call is told why the connection is gone, or that it is.
          expect(failures[0]).toBe("UcxConnectionResetError");
          expect(failures.length).toBe(2);
          expect(answers.at(-1)).toEqual({
            finished: true,
            opened: 1,
            closed: 1,
          });
          expect((await client.exited).code).toBe(0);
        },
        { timeoutMs },
      );
    }

    test(
      "nobody there is told within the time, and the worker goes on",
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "unlisten" },
        ]);
        const gone = await addressOf(server);
        await server.exited;
        const other = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitClosed", count: 1 },
        ]);
        const client = startScript(peers, "deno", { ucx }, [
          { do: "connect", to: gone, timeoutMs: 5000 },
          { do: "connect", to: await addressOf(other) },
        ]);
        const failure = await client.answer();
        expect(failure["failed"]).toBe("UcxUnreachableError");
        expect(Number(failure["tookMs"])).toBeLessThan(5000 + slackMs);
        expect("connected" in (await client.answer())).toBe(true);
        expect((await client.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "a server that is stopped lets nobody wait beyond the time for connecting",
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "stop" },
        ]);
        const client = startScript(peers, "bun", { ucx }, [
          { do: "connect", to: await addressOf(server), timeoutMs: 500 },
          { do: "close" },
        ]);
        const failure = await client.answer();
        expect(failure["failed"]).toBe("UcxTimeoutError");
        expect(Number(failure["tookMs"])).toBeLessThan(500 + slackMs);
        expect((await client.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "a peer that is stopped is cut off when the time for closing is over",
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitOpened", count: 2 },
          { do: "stop" },
        ]);
        const client = startScript(peers, "deno", { ucx }, [
          { do: "connect", to: await addressOf(server), times: 2 },
          { do: "sleep", ms: 300 },
          { do: "disconnect", timeoutMs: 300 },
          { do: "resources" },
          { do: "close", timeoutMs: 300 },
        ]);
        await client.answer();
        const event = await client.answer();
        expect([event["by"], event["orderly"], event["error"]]).toEqual([
          "us",
          false,
          "UcxTimeoutError",
        ]);
        expect((await client.answer())["failed"]).toBe("UcxTimeoutError");
        const [before] = await client.answersUntil("descriptors");
        const after = (await client.answersUntil("closedWithinMs")).at(-1);
        expect(Number(after?.["closedWithinMs"])).toBeLessThan(300 + slackMs);
        expect(Number(after?.["descriptors"])).toBeLessThan(
          Number(before?.["descriptors"]),
        );
        expect((await client.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "a connection that is cut off in the middle of long messages gives their memory back, on both sides",
      async () => {
        const bytes = 8 * 2 ** 20;
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitOpened", count: 1 },
          // Begins when the connection is there, and nobody sends it.
          { do: "receive", tag: 9, bytes, fromNewest: true },
        ]);
        const client = startScript(peers, "bun", { ucx }, [
          { do: "connect", to: await addressOf(server) },
          { do: "sleep", ms: 200 },
          { do: "abandonSend", bytes, timeoutMs: 0 },
        ]);
        const answers = await client.answersUntil("finished");
        const result = answers.find((each) => "pending" in each);
        expect(result).toEqual({
          before: 1,
          send: -16,
          receive: -16,
          keeps: [true, true],
          pending: 0,
        });
        const closes = answers.filter((each) => each["event"] === "close");
        expect(closes.map(({ by, orderly }) => [by, orderly])).toEqual([
          ["us", false],
        ]);
        const theirs = await server.answersUntil("finished");
        expect(theirs.flatMap(({ failed }) => failed ?? [])).toEqual([
          "UcxConnectionResetError",
        ]);
        expect((await client.exited).code).toBe(0);
        expect((await server.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "a peer that closes ends what waits for it, and not what waits for others",
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitOpened", count: 1 },
          { do: "receive", tag: 9, bytes: 10, fromNewest: true },
          { do: "receive", tag: 9, bytes: 10, timeoutMs: 100 },
          { do: "send", tag: 9, bytes: 10 },
        ]);
        const client = startScript(peers, "deno", { ucx }, [
          { do: "connect", to: await addressOf(server) },
          { do: "sleep", ms: 200 },
          { do: "disconnect" },
        ]);
        const answers = await server.answersUntil("finished");
        expect(answers.flatMap(({ failed }) => failed ?? []).slice(1)).toEqual([
          "UcxTimeoutError",
          "Error",
        ]);
        const closes = answers.filter((each) => each["event"] === "close");
        expect(closes.map(({ by, orderly }) => [by, orderly])).toEqual([
          ["peer", true],
        ]);
        expect((await client.exited).code).toBe(0);
        expect((await server.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "who closes waits until its long message is received",
      async () => {
        const bytes = 8 * 2 ** 20;
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitOpened", count: 1 },
          { do: "sleep", ms: 500 },
          { do: "receive", tag: 1, bytes },
          { do: "awaitClosed", count: 1 },
        ]);
        const client = startScript(peers, "deno", { ucx }, [
          { do: "connect", to: await addressOf(server) },
          { do: "beginSend", tag: 1, bytes },
          { do: "disconnect", timeoutMs: 20_000 },
        ]);
        const answers = await server.answersUntil("finished");
        const failures = answers.filter((each) => "failed" in each);
        expect(failures).toEqual([]);
        expect(answers.some((each) => each["received"] === bytes)).toBe(true);
        const closes = answers.filter((each) => each["event"] === "close");
        expect(closes.map(({ by, orderly }) => [by, orderly])).toEqual([
          ["peer", true],
        ]);
        expect(await client.exited).toEqual({ code: 0, signal: null });
      },
      { timeoutMs },
    );

    test(
      "both sides that close at once end once each, in order",
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitOpened", count: 20 },
          { do: "close", timeoutMs: 10_000 },
        ]);
        const client = startScript(peers, "bun", { ucx }, [
          { do: "connect", to: await addressOf(server), times: 20 },
          { do: "close", timeoutMs: 10_000 },
        ]);
        for (const each of [client, server]) {
          const answers = await each.answersUntil("finished");
          const closes = answers.filter((one) => one["event"] === "close");
          expect(closes.length).toBe(20);
          expect(closes.filter((one) => one["orderly"] !== true)).toEqual([]);
        }
      },
      { timeoutMs },
    );

    for (const kind of ["die", "stop"] as const)
      test(
        `a client may ${kind} at any stage of the handshake`,
        async () => {
          const server = startScript(
            peers,
            "bun",
            {
              ucx,
              keepAliveMs: 200,
              connectTimeoutMs: 1000,
            },
            [
              { do: "listen" },
              { do: "echoAll", untilClosed: 10_000, timeoutMs: 40_000 },
            ],
          );
          const to = await addressOf(server);
          const stages: readonly number[] = [0, 1, 2, 3, 5, 8];
          const victims = stages.map((times) =>
            startScript(peers, "bun", { ucx }, [
              { do: "begin", to },
              { do: "turn", times },
              { do: kind },
            ]),
          );
          for (const victim of victims) {
            await victim.answer();
            if (kind === "die") await victim.exited;
          }
          const client = startScript(peers, "deno", { ucx }, [
            { do: "connect", to },
            { do: "send", tag: 1, bytes: 10 },
            { do: "receive", tag: 2, bytes: 10 },
          ]);
          const answers = await client.answersUntil("finished");
          expect(answers.flatMap(({ failed }) => failed ?? [])).toEqual([]);
          server.kill("SIGTERM");
          expect((await server.exited).signal).toBe("SIGTERM");
        },
        { timeoutMs },
      );

    test(
      "a server may die at any stage of the handshake",
      async () => {
        const stages: readonly number[] = [1, 2, 3, 4, 6];
        await Promise.all(
          stages.map(async (times) => {
            const server = startScript(peers, "bun", { ucx }, [
              { do: "listen" },
              { do: "turn", times },
              { do: "die" },
            ]);
            const steps: readonly Step[] = [
              { do: "connect", to: await addressOf(server), timeoutMs: 3000 },
              // It may have come so far that the connection was open for a moment.
              { do: "awaitClosed", count: 1, timeoutMs: 2000 },
            ];
            const client = startScript(
              peers,
              "bun",
              { ucx, keepAliveMs: 200 },
              steps,
            );
            const answers = await client.answersUntil("finished");
            const failures = answers.flatMap(({ failed }) => failed ?? []);
            const closes = answers.filter((each) => each["event"] === "close");
            expect(failures.length + closes.length).toBe(1);
            for (const failure of failures)
              expect([
                "UcxTimeoutError",
                "UcxUnreachableError",
                "UcxConnectionResetError",
                // Its shared memory was gone when we wanted to use it.
                "UcxNoResourceError",
              ]).toContain(failure);
            expect((await client.exited).code).toBe(0);
          }),
        );
      },
      { timeoutMs },
    );
  });
