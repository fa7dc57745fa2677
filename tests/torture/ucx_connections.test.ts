/** What tests/peer/ucx shows with hundreds of connections, with thousands. */
import { peerFixture } from "../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../support/testing.ts";
import { type Answer, startScript, transports } from "../peer/ucx/script.ts";

const peers = peerFixture();
const limits = { timeoutMs: 600_000 };

afterEach(() => peers.stopAll());

function numbersOf(answers: readonly Answer[], name: string): number[] {
  return answers.flatMap((each) => (name in each ? [Number(each[name])] : []));
}

function expectNoFailure(answers: readonly Answer[]): void {
  expect(answers.filter((each) => "failed" in each)).toEqual([]);
}

for (const [name, ucx] of transports)
  describe(`torture of connections over ${name}`, () => {
    test(
      "3,000 at a time are opened, used, and closed in order",
      async () => {
        const count = 3000;
        const config = { ucx, connectTimeoutMs: 120_000 };
        const server = startScript(peers, "bun", config, [
          { do: "listen" },
          { do: "resources" },
          { do: "awaitOpened", count, timeoutMs: 120_000 },
          { do: "awaitClosed", count, timeoutMs: 120_000 },
          { do: "sleep", ms: 1000 },
          { do: "resources" },
        ]);
        const client = startScript(peers, "bun", config, [
          {
            do: "begin",
            to: String((await server.answer())["address"]),
            times: count,
          },
          { do: "awaitOpened", count, timeoutMs: 120_000 },
          { do: "sendToAll", tag: 1, bytes: 100 },
          { do: "close", timeoutMs: 60_000 },
        ]);
        const ours = await client.answersUntil("finished");
        expectNoFailure(ours);
        expect(numbersOf(ours, "opened")).toEqual([count, count]);
        expect(numbersOf(ours, "sentTo")).toEqual([count]);
        const theirs = await server.answersUntil("finished");
        expectNoFailure(theirs);
        const closes = theirs.filter((each) => each["event"] === "close");
        expect(closes.length).toBe(count);
        expect(closes.filter((each) => each["orderly"] !== true)).toEqual([]);
        const [before = 0, after = 0] = numbersOf(theirs, "descriptors");
        expect(after).toBeLessThanOrEqual(before + 12);
      },
      limits,
    );

    test(
      "10,000 one after the other leave nothing behind",
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitClosed", count: 2000, timeoutMs: 300_000 },
          { do: "resources" },
          { do: "awaitClosed", count: 10_000, timeoutMs: 500_000 },
          { do: "sleep", ms: 500 },
          { do: "resources" },
        ]);
        const to = String((await server.answer())["address"]);
        const client = startScript(peers, "bun", { ucx }, [
          { do: "churn", to, times: 2000 },
          { do: "resources" },
          { do: "churn", to, times: 8000 },
          { do: "sleep", ms: 500 },
          { do: "resources" },
        ]);
        for (const each of [client, server]) {
          const answers = await each.answersUntil("finished");
          expectNoFailure(answers);
          const [warm = 0, last = 0] = numbersOf(answers, "descriptors");
          expect(last).toBeLessThanOrEqual(warm + 6);
          const [warmMb = 0, lastMb = 0] = numbersOf(answers, "rssMb");
          expect(lastMb).toBeLessThan(warmMb + 30);
        }
      },
      limits,
    );
  });
