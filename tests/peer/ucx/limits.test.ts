import { networkInterfaces } from "node:os";
import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import {
  afterEach,
  describe,
  expect,
  test,
  testIf,
} from "../../support/testing.ts";
import {
  type Answer,
  type ScriptPeer,
  startScript,
  transports,
} from "./script.ts";

const peers = peerFixture();
const timeoutMs = 60_000;
const ucx = { TLS: "tcp", NET_DEVICES: "lo" };
const runtimes: readonly Runtime[] = ["bun", "deno"];

afterEach(() => peers.stopAll());

async function addressOf(server: ScriptPeer): Promise<string> {
  return String((await server.answer())["address"]);
}

function failuresOf(answers: readonly Answer[]): unknown[] {
  return answers.flatMap(({ failed }) => failed ?? []);
}

describe("descriptors", () => {
  for (const runtime of runtimes) {
    test(
      `that are about to run out make ${runtime} refuse to connect, and it lives on`,
      async () => {
        const server = startScript(peers, "bun", { ucx }, [
          { do: "listen" },
          { do: "echoAll", untilClosed: 10_000, timeoutMs: 30_000 },
        ]);
        const to = await addressOf(server);
        const client = startScript(
          peers,
          runtime,
          { ucx },
          [
            { do: "connect", to, times: 60 },
            // The runtime may have opened one meanwhile, so two.
            { do: "disconnect" },
            { do: "disconnect" },
            { do: "connect", to },
            { do: "send", tag: 1, bytes: 10 },
            { do: "receive", tag: 2, bytes: 10 },
            { do: "resources" },
          ],
          { descriptorLimit: 64 },
        );
        const answers = await client.answersUntil("finished");
        expect(failuresOf(answers)).toEqual(["UcxLimitError"]);
        const refusal = answers.find((each) => "failed" in each);
        expect(String(refusal?.["message"])).toMatch(/\d+ of 64 .*\b16\b/);
        expect(answers.some((each) => each["received"] === 10)).toBe(true);
        const used = answers.find((each) => "descriptors" in each);
        expect(Number(used?.["descriptors"])).toBeLessThanOrEqual(64 - 12);
        expect((await client.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      `that are about to run out make ${runtime} refuse to accept, and it lives on`,
      async () => {
        const server = startScript(
          peers,
          runtime,
          { ucx },
          [{ do: "listen" }, { do: "echoAll", untilClosed: 10_000 }],
          { descriptorLimit: 64 },
        );
        const to = await addressOf(server);
        const client = startScript(peers, "bun", { ucx }, [
          { do: "connect", to, times: 60 },
          { do: "send", tag: 1, bytes: 10 },
          { do: "receive", tag: 2, bytes: 10 },
          { do: "disconnect" },
          { do: "connect", to, quietly: true },
        ]);
        const answers = await client.answersUntil("finished");
        expect(failuresOf(answers)).toEqual(["UcxRejectedError"]);
        expect(answers.some((each) => each["received"] === 10)).toBe(true);
        const event = await server.answer();
        expect([event["event"], event["failed"]]).toEqual([
          "error",
          "UcxLimitError",
        ]);
      },
      { timeoutMs },
    );
  }

  test(
    "are not taken beyond what UCX can watch",
    async () => {
      const server = startScript(peers, "bun", { ucx }, [
        { do: "listen" },
        { do: "echoAll", untilClosed: 10_000 },
      ]);
      const client = startScript(
        peers,
        "bun",
        { ucx },
        [{ do: "connect", to: await addressOf(server), times: 100 }],
        { environment: { UCX_ASYNC_MAX_EVENTS: "64" } },
      );
      const answers = await client.answersUntil("finished");
      expect(failuresOf(answers)).toEqual(["UcxLimitError"]);
      expect(
        String(answers[0]?.["message"]).includes("UCX_ASYNC_MAX_EVENTS"),
      ).toBe(true);
      expect(answers.at(-1)?.["opened"]).toBe(40);
      expect(client.errors()).toBe("");
    },
    { timeoutMs },
  );

  for (const [name, keys] of transports)
    test(
      `and memory come back after connections over ${name}, on both sides`,
      async () => {
        const churns = 3;
        const server = startScript(peers, "bun", { ucx: keys }, [
          { do: "listen" },
          { do: "resources" },
          ...Array.from({ length: churns }, (_, index) => [
            { do: "awaitClosed", count: (index + 1) * 150 } as const,
            { do: "resources" } as const,
          ]).flat(),
        ]);
        const to = await addressOf(server);
        const client = startScript(peers, "bun", { ucx: keys }, [
          { do: "resources" },
          ...Array.from({ length: churns }, () => [
            { do: "churn", to, times: 150 } as const,
            { do: "sleep", ms: 300 } as const,
            { do: "resources" } as const,
          ]).flat(),
        ]);
        for (const each of [client, server]) {
          const answers = await each.answersUntil("finished");
          expect(failuresOf(answers)).toEqual([]);
          const used = answers.filter((one) => "descriptors" in one);
          expect(used.length).toBe(churns + 1);
          const [first] = used;
          for (const one of used)
            expect(Number(one["descriptors"])).toBeLessThanOrEqual(
              Number(first?.["descriptors"]) + 6,
            );
          const [, warm] = used;
          expect(Number(used.at(-1)?.["rssMb"])).toBeLessThan(
            Number(warm?.["rssMb"]) + 25,
          );
        }
      },
      { timeoutMs },
    );
});

describe("many connections of one worker", () => {
  test(
    "more than fit in the queue of a listener are begun one after the other",
    async () => {
      const server = startScript(peers, "bun", { ucx }, [
        { do: "listen" },
        { do: "awaitOpened", count: 400 },
        { do: "awaitClosed", count: 400 },
      ]);
      const client = startScript(peers, "bun", { ucx }, [
        { do: "begin", to: await addressOf(server), times: 400 },
        { do: "awaitOpened", count: 400 },
      ]);
      expect(await client.answer()).toEqual({ opened: 400 });
      expect(await server.answer()).toEqual({ opened: 400 });
    },
    { timeoutMs },
  );

  test(
    "have a limit of their own",
    async () => {
      const server = startScript(peers, "bun", { ucx, maxEndpoints: 3 }, [
        { do: "listen" },
        { do: "echoAll", untilClosed: 10_000 },
      ]);
      const to = await addressOf(server);
      const refused = startScript(peers, "deno", { ucx }, [
        { do: "connect", to, times: 4 },
      ]);
      const answers = await refused.answersUntil("finished");
      expect(failuresOf(answers)).toEqual(["UcxRejectedError"]);
      expect(answers.at(-1)?.["opened"]).toBe(3);
      const other = startScript(peers, "bun", { ucx, maxEndpoints: 2 }, [
        { do: "connect", to, times: 3 },
      ]);
      expect(failuresOf([await other.answer()])).toEqual(["UcxLimitError"]);
    },
    { timeoutMs },
  );
});

describe("a peer of another version", () => {
  test(
    "that connects is refused, and learns of it in our version",
    async () => {
      const server = startScript(peers, "bun", { ucx }, [
        { do: "listen" },
        { do: "sleep", ms: 60_000 },
      ]);
      const client = startScript(
        peers,
        "bun",
        { ucx, raw: true, enableActiveMessages: true },
        [
          { do: "connect", to: await addressOf(server) },
          { do: "greetStrangely", version: 200 },
        ],
      );
      const answers = await client.answersUntil("answers");
      const [answer] = (answers.at(-1)?.["answers"] ?? []) as number[][];
      // A refusal, of version 1, to the connection that the hello called 77.
      expect([answer?.[0], answer?.[1], answer?.[4]]).toEqual([6, 1, 77]);
      const event = await server.answer();
      expect(event["failed"]).toBe("UcxIncompatibleError");
      expect(String(event["message"]).includes("200")).toBe(true);
    },
    { timeoutMs },
  );

  test(
    "that is connected to is recognized by its answer",
    async () => {
      const server = startScript(
        peers,
        "bun",
        { ucx, raw: true, enableActiveMessages: true },
        [{ do: "listen" }, { do: "refuseStrangely", version: 9 }],
      );
      const client = startScript(peers, "deno", { ucx }, [
        { do: "connect", to: await addressOf(server), timeoutMs: 10_000 },
      ]);
      const failure = await client.answer();
      expect(failure["failed"]).toBe("UcxIncompatibleError");
      expect(Number(failure["tookMs"])).toBeLessThan(9000);
    },
    { timeoutMs },
  );
});

const globalV6 = Object.entries(networkInterfaces())
  .flatMap(([device, addresses]) =>
    (addresses ?? []).map(({ address, family }) => ({
      device,
      address,
      family,
    })),
  )
  .find(
    ({ address, family }) =>
      family === "IPv6" && address !== "::1" && !address.startsWith("fe80"),
  );

describe("IPv6", () => {
  testIf(
    {
      name: "an IPv6 address that is neither ::1 nor link-local",
      held: () => globalV6 !== undefined,
    },
    "on some network device",
    "connects two processes where the device has such an address",
    async () => {
      const { device = "", address = "" } = globalV6 ?? {};
      const keys = { TLS: "tcp", NET_DEVICES: device, AF_PRIO: "inet6,inet" };
      const server = startScript(peers, "bun", { ucx: keys }, [
        { do: "listen", at: `[${address}]:0` },
        { do: "echoAll", untilClosed: 1 },
      ]);
      const to = await addressOf(server);
      expect(to.startsWith("[")).toBe(true);
      const client = startScript(peers, "deno", { ucx: keys }, [
        { do: "connect", to },
        { do: "send", tag: 1, bytes: 1000 },
        { do: "receive", tag: 2, bytes: 1000 },
      ]);
      const answers = await client.answersUntil("finished");
      expect(failuresOf(answers)).toEqual([]);
      expect(answers.some((each) => each["received"] === 1000)).toBe(true);
    },
    { timeoutMs },
  );
});
