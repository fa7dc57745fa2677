import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { type ScriptPeer, startScript, transports } from "./script.ts";

const peers = peerFixture();
const folders: string[] = [];
const timeoutMs = 60_000;

afterEach(async () => {
  await peers.stopAll();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ringwire-ucx-"));
  folders.push(folder);
  return folder;
}

async function addressOf(server: ScriptPeer): Promise<string> {
  return String((await server.answer())["address"]);
}

const pairs: readonly (readonly [Runtime, Runtime])[] = [
  ["bun", "deno"],
  ["deno", "bun"],
];

for (const [name, ucx] of transports)
  for (const [one, other] of pairs)
    describe(`${one} connects to ${other} over ${name}`, () => {
      test(
        "a message goes there and back, and both sides end in order",
        async () => {
          const server = startScript(peers, other, { ucx }, [
            { do: "listen" },
            { do: "echoAll", untilClosed: 1 },
          ]);
          const client = startScript(peers, one, { ucx }, [
            { do: "connect", to: await addressOf(server) },
            { do: "send", tag: 1, bytes: 5000 },
            { do: "receive", tag: 2, bytes: 8192 },
            { do: "disconnect" },
          ]);
          const transport = name === "tcp" ? "tcp/lo" : "posix/memory";
          const { connected } = await client.answer();
          expect((connected as string[]).includes(transport)).toBe(true);
          expect(await client.answer()).toEqual({ sent: 5000 });
          expect(await client.answer()).toEqual({ received: 5000 });
          const ours = await client.answer();
          expect([ours["by"], ours["orderly"]]).toEqual(["us", true]);
          const theirs = await server.answer();
          expect([theirs["by"], theirs["orderly"]]).toEqual(["peer", true]);
          expect(await server.answer()).toEqual({
            ended: true,
            opened: 1,
            closed: 1,
          });
          expect((await client.exited).code).toBe(0);
          expect((await server.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "being refused is seen as such, ten times, also by a hook that throws",
        async () => {
          const server = startScript(peers, other, { ucx }, [
            { do: "listen", accept: 0 },
            { do: "listen", throws: true },
            { do: "awaitOpened", count: 1 },
          ]);
          const to = await addressOf(server);
          const throwing = await addressOf(server);
          const refused = startScript(
            peers,
            one,
            { ucx },
            Array.from({ length: 10 }, () => ({ do: "connect", to }) as const),
          );
          for (let count = 0; count < 10; count++)
            expect((await refused.answer())["failed"]).toBe("UcxRejectedError");
          const thrown = startScript(peers, one, { ucx }, [
            { do: "connect", to: throwing },
          ]);
          expect((await thrown.answer())["failed"]).toBe("UcxRejectedError");
          const event = await server.answer();
          expect([event["event"], event["failed"]]).toEqual([
            "error",
            "RangeError",
          ]);
          expect((await refused.exited).code).toBe(0);
          expect((await thrown.exited).code).toBe(0);
        },
        { timeoutMs },
      );
    });

describe("a listener", () => {
  test(
    "refuses hundreds in a row, which UCX's own refusal does not survive",
    async () => {
      const [, ucx] = transports[0] ?? [];
      const server = startScript(peers, "bun", { ucx }, [
        { do: "listen", accept: 0 },
        { do: "awaitOpened", count: 1 },
      ]);
      const to = await addressOf(server);
      const count = 300;
      const client = startScript(
        peers,
        "bun",
        { ucx },
        Array.from({ length: count }, () => ({ do: "connect", to }) as const),
      );
      const failures = new Set<unknown>();
      for (let index = 0; index < count; index++)
        failures.add((await client.answer())["failed"]);
      expect([...failures]).toEqual(["UcxRejectedError"]);
      expect((await client.exited).code).toBe(0);
    },
    { timeoutMs },
  );

  test(
    "that closes keeps what it has accepted",
    async () => {
      const [, ucx] = transports[0] ?? [];
      const server = startScript(peers, "bun", { ucx }, [
        { do: "listen" },
        { do: "awaitOpened", count: 1 },
        { do: "unlisten" },
        { do: "echoAll", untilClosed: 1 },
      ]);
      const to = await addressOf(server);
      const client = startScript(peers, "deno", { ucx }, [
        { do: "connect", to },
        { do: "sleep", ms: 300 },
        { do: "connect", to, timeoutMs: 3000 },
        { do: "send", tag: 1, bytes: 10 },
        { do: "receive", tag: 2, bytes: 10 },
      ]);
      await client.answer();
      expect((await client.answer())["failed"]).toBe("UcxUnreachableError");
      expect(await client.answer()).toEqual({ sent: 10 });
      expect(await client.answer()).toEqual({ received: 10 });
      expect((await client.exited).code).toBe(0);
      expect((await server.exited).code).toBe(0);
    },
    { timeoutMs },
  );

  for (const [name, ucx] of transports)
    test(
      `gets its port back at once after its process was killed, over ${name}`,
      async () => {
        const first = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "awaitOpened", count: 1 },
          // It is open on the other side too then.
          { do: "receive", tag: 1, bytes: 10 },
          { do: "die" },
        ]);
        const to = await addressOf(first);
        const client = startScript(peers, "bun", { ucx }, [
          { do: "connect", to },
          { do: "send", tag: 1, bytes: 10 },
          { do: "awaitClosed", count: 1 },
        ]);
        await first.exited;
        const second = startScript(peers, "deno", { ucx }, [
          { do: "listen", at: to },
          { do: "awaitClosed", count: 1 },
        ]);
        expect(await addressOf(second)).toBe(to);
        const again = startScript(peers, "bun", { ucx }, [
          { do: "connect", to },
        ]);
        for (const each of [client, again]) {
          const answers = await each.answersUntil("finished");
          expect(answers.some(({ failed }) => failed !== undefined)).toBe(
            false,
          );
          expect(answers.at(-1)?.["opened"]).toBe(1);
        }
      },
      { timeoutMs },
    );
});

describe("many connections", () => {
  test(
    "four servers have a hundred clients each",
    async () => {
      const [, ucx] = transports[0] ?? [];
      const runtimes: readonly Runtime[] = ["bun", "deno", "bun", "deno"];
      const servers = runtimes.map((runtime) =>
        startScript(peers, runtime, { ucx }, [
          { do: "listen" },
          { do: "echoAll", untilClosed: 100 },
        ]),
      );
      const addresses = await Promise.all(servers.map(addressOf));
      const clients = (["bun", "deno"] as const).map((runtime) =>
        startScript(peers, runtime, { ucx }, [
          ...addresses.map((to) => ({ do: "connect", to, times: 50 }) as const),
          { do: "sendToAll", tag: 1, bytes: 100 },
          { do: "receive", tag: 2, bytes: 100, times: 200 },
        ]),
      );
      for (const client of clients) {
        const answers = await client.answersUntil("finished");
        expect(answers.find((each) => "sentTo" in each)).toEqual({
          sentTo: 200,
          failures: [],
        });
        expect(answers.some((each) => "failed" in each)).toBe(false);
        expect((await client.exited).code).toBe(0);
      }
      for (const server of servers) {
        const answers = await server.answersUntil("ended");
        expect(answers.at(-1)).toEqual({
          ended: true,
          opened: 100,
          closed: 100,
        });
        const closes = answers.filter((each) => each["event"] === "close");
        expect(closes.every((each) => each["orderly"] === true)).toBe(true);
      }
    },
    { timeoutMs },
  );
});

const addressTransports: readonly {
  readonly name: string;
  readonly ucx: Readonly<Record<string, string>>;
  /** Of processes that connect to each other. */
  readonly counts: readonly number[];
}[] = [
  { name: "tcp", ucx: { TLS: "tcp", NET_DEVICES: "lo" }, counts: [2, 5] },
  {
    name: "shared memory",
    ucx: { TLS: "posix,cma,tcp", NET_DEVICES: "lo" },
    counts: [8],
  },
  { name: "shared memory alone", ucx: { TLS: "posix,cma" }, counts: [3] },
];

describe("connections by worker address", () => {
  for (const { name, ucx, counts } of addressTransports)
    for (const count of counts)
      test(
        `between ${count} processes, each with each, over ${name}`,
        async () => {
          const folder = newFolder();
          const all = Array.from({ length: count }, (_, own) =>
            startScript(peers, own % 2 === 0 ? "bun" : "deno", { ucx }, [
              { do: "publish", folder, name: String(own) },
              ...Array.from(
                { length: own },
                (_each, to) =>
                  ({
                    do: "connectToPublished",
                    folder,
                    name: String(to),
                  }) as const,
              ),
              { do: "awaitOpened", count: count - 1 },
              { do: "sendToAll", tag: 1, bytes: 1000 },
              { do: "receive", tag: 1, bytes: 1000, times: count - 1 },
              { do: "close", timeoutMs: 10_000 },
            ]),
          );
          for (const each of all) {
            const answers = await each.answersUntil("finished");
            expect(answers.filter((one) => "failed" in one)).toEqual([]);
            expect(answers.at(-1)).toEqual({
              finished: true,
              opened: count - 1,
              closed: count - 1,
            });
            const closes = answers.filter((one) => one["event"] === "close");
            expect(closes.every((one) => one["orderly"] === true)).toBe(true);
            expect((await each.exited).code).toBe(0);
          }
        },
        { timeoutMs },
      );

  for (const { name, ucx } of addressTransports)
    test(
      `both at once work on both sides, over ${name}`,
      async () => {
        const folder = newFolder();
        const [one, other] = ["one", "other"].map((own) =>
          startScript(peers, own === "one" ? "bun" : "deno", { ucx }, [
            { do: "publish", folder, name: own },
            {
              do: "connectToPublished",
              folder,
              name: own === "one" ? "other" : "one",
            },
            { do: "send", tag: 1, bytes: 10 },
            { do: "receive", tag: 1, bytes: 10 },
            { do: "close", timeoutMs: 10_000 },
          ]),
        );
        const sides = await Promise.all(
          [one, other].map((each) => each?.answersUntil("finished") ?? []),
        );
        for (const answers of sides) {
          expect(answers.filter((each) => "failed" in each)).toEqual([]);
          expect(answers.some((each) => each["received"] === 10)).toBe(true);
        }
        // UCX makes one connection of two that cross; two that do not cross stay two.
        expect(sides[0]?.at(-1)?.["opened"]).toBe(sides[1]?.at(-1)?.["opened"]);
      },
      { timeoutMs },
    );

  test(
    "end at once on the other side too, where UCX does not tell",
    async () => {
      const folder = newFolder();
      const keys = { TLS: "posix,cma" };
      const one = startScript(peers, "bun", { ucx: keys }, [
        { do: "publish", folder, name: "one" },
        { do: "awaitOpened", count: 1 },
        { do: "awaitClosed", count: 1, timeoutMs: 10_000 },
      ]);
      const other = startScript(peers, "deno", { ucx: keys }, [
        { do: "connectToPublished", folder, name: "one" },
        { do: "disconnect", timeoutMs: 30_000 },
        { do: "sleep", ms: 15_000 },
      ]);
      const answers = await one.answersUntil("closed");
      expect(answers.at(-1)).toEqual({ closed: 1 });
      const end = answers.find((each) => each["event"] === "close");
      expect([end?.["by"], end?.["orderly"]]).toEqual(["peer", true]);
      expect(other.errors()).toBe("");
    },
    { timeoutMs },
  );

  test(
    "are refused, with the reason, by who does not want them",
    async () => {
      const [, ucx] = transports[0] ?? [];
      const folder = newFolder();
      const one = startScript(peers, "bun", { ucx, acceptAddresses: false }, [
        { do: "publish", folder, name: "one" },
        { do: "sleep", ms: 5000 },
        { do: "resources" },
      ]);
      const other = startScript(peers, "bun", { ucx }, [
        { do: "connectToPublished", folder, name: "one" },
      ]);
      const refused = await other.answer();
      expect(refused["failed"]).toBe("UcxRejectedError");
      expect(String(refused["message"]).includes("acceptAddresses")).toBe(true);
      expect((await one.answer())["failed"]).toBe("UcxRejectedError");
    },
    { timeoutMs },
  );
});
