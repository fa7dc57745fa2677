import type { SessionOptions } from "../../../src/transport/session/settings.ts";
import type { MemoryFaults } from "../../support/memory_connections.ts";
import {
  HeardSession,
  join,
  sessionPair,
  type SessionPair,
} from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const resumable = {
  client: { resumes: true },
  server: { resumeToken: Uint8Array.of(1, 2, 3) },
} as const;

function resumablePair(
  faults: { clientFaults?: MemoryFaults; serverFaults?: MemoryFaults } = {},
  more: {
    client?: Partial<SessionOptions>;
    server?: Partial<SessionOptions>;
  } = {},
): Promise<SessionPair> {
  return sessionPair({
    ...faults,
    client: { ...resumable.client, ...more.client },
    server: { ...resumable.server, ...more.server },
  });
}

async function away(pair: SessionPair): Promise<void> {
  await until(
    "away",
    () =>
      pair.client.session.state === "away" &&
      pair.server.session.state === "away",
  );
}

async function together(pair: SessionPair): Promise<void> {
  join(pair.client.session, pair.server.session);
  await until(
    "open again",
    () =>
      pair.client.session.state === "open" &&
      pair.server.session.state === "open",
  );
}

describe("session - resume", () => {
  test(
    "loses and doubles nothing, wherever the connection breaks",
    async () => {
      const script = async (pair: SessionPair) => {
        for (let at = 0; at < 4; at++) {
          pair.client.session.trySend(`m${at}`);
          pair.server.session.trySend(new Uint8Array([at]));
        }
        const large = pair.client.session.send("x".repeat(70_000));
        const requests = ["a", "b"].map((each) =>
          pair.client.session.request(each),
        );
        return { large, requests };
      };
      const answering = {
        server: {
          listeners: {
            onRequest: (request: { text(): string }) =>
              Promise.resolve(`${request.text()}!`),
          },
        },
      };
      const whole = await resumablePair({}, answering);
      const first = whole.clientEnd.bytesSent;
      await script(whole);
      await until(
        "all",
        () =>
          whole.server.messages.length === 5 &&
          whole.client.session.statistics.pendingRequests === 0,
      );
      const last = whole.clientEnd.bytesSent;
      whole.client.session.abort();
      // Each frame boundary, and the bytes beside it: small frames are 24 bytes and little more.
      const cuts = new Set<number>();
      for (let at = first; at < first + 200; at += 7) cuts.add(at);
      for (let at = first + 200; at < last; at += 9001) cuts.add(at);
      for (const back of [0, 1, 25, 40, 60, 80]) cuts.add(last - back);
      for (const loseAfterBytes of cuts) {
        const pair = await resumablePair({}, answering);
        pair.clientEnd.faults.loseAfterBytes = loseAfterBytes;
        const { large, requests } = await script(pair);
        await until(
          "lost or done",
          () =>
            pair.client.session.state === "away" ||
            pair.client.session.statistics.pendingRequests === 0,
        );
        if (pair.client.session.state === "away") {
          await away(pair);
          await together(pair);
        }
        await large;
        const answers = await Promise.all(requests);
        expect(answers.map((each) => each.text())).toEqual(["a!", "b!"]);
        await until("all", () => pair.client.messages.length === 4);
        expect(pair.server.texts.map((text) => text.slice(0, 2))).toEqual([
          "m0",
          "m1",
          "m2",
          "m3",
          "xx",
        ]);
        expect(pair.server.texts[4]?.length).toBe(70_000);
        expect(pair.client.messages.map((each) => each.payload[0])).toEqual([
          0, 1, 2, 3,
        ]);
        expect([...pair.client.gaps, ...pair.server.gaps]).toEqual([]);
        expect([...pair.client.unknown, ...pair.server.unknown]).toEqual([]);
        expect((await pair.client.session.close()).unconfirmed).toBe(0);
      }
    },
    { timeoutMs: 30_000 },
  );

  test("answers that were lost on their way come after the resume, and requests are handled once", async () => {
    let handled = 0;
    const pair = await resumablePair(
      {},
      { server: { listeners: { onRequest: () => `answer ${++handled}` } } },
    );
    // The answer never leaves the server's side of the connection.
    pair.serverEnd.faults.isStalled = true;
    const pending = pair.client.session.request("q");
    await until("handled", () => handled === 1);
    pair.clientEnd.lose();
    await away(pair);
    await together(pair);
    expect((await pending).text()).toBe("answer 1");
    expect(handled).toBe(1);
    expect(pair.client.session.statistics.resumptions).toBe(1);
    await pair.client.session.close();
  });

  test("what overtook a message that was cut off is not handed over twice", async () => {
    const pair = await resumablePair();
    const large = pair.client.session.send("x".repeat(600_000), {
      priority: "low",
    });
    for (const text of ["a", "b"])
      pair.client.session.trySend(text, { priority: "high" });
    pair.clientEnd.faults.loseAfterBytes = pair.clientEnd.bytesSent + 400_000;
    await away(pair);
    expect(pair.server.texts).toEqual(["a", "b"]);
    await together(pair);
    await large;
    await until("whole", () => pair.server.texts.length >= 3);
    expect(pair.server.texts.map((text) => text.length)).toEqual([
      1, 1, 600_000,
    ]);
    expect(pair.server.session.statistics.duplicates).toBe(2);
    expect((await pair.client.session.close()).unconfirmed).toBe(0);
  });

  test("what is sent while the connection is away goes out after what was lost", async () => {
    const pair = await resumablePair();
    pair.clientEnd.faults.isStalled = true;
    pair.client.session.trySend("lost");
    await Promise.resolve();
    await until("written", () => pair.clientEnd.queuedBytes > 0);
    pair.clientEnd.lose();
    await away(pair);
    for (let at = 0; at < 10; at++)
      expect(
        pair.client.session.trySend(`later ${at}`, { priority: "high" }),
      ).toBe(true);
    await together(pair);
    await until("all", () => pair.server.texts.length === 11);
    expect(pair.server.texts[0]).toBe("lost");
    expect(pair.server.texts[10]).toBe("later 9");
    await pair.client.session.close();
  });

  test("tells both sides what was more than could be kept", async () => {
    const pair = await resumablePair(
      {},
      { client: { replay: { messages: 3 } } },
    );
    pair.clientEnd.faults.isStalled = true;
    for (let at = 1; at <= 10; at++) pair.client.session.trySend(`m${at}`);
    await until("written", () => pair.clientEnd.queuedBytes > 0);
    pair.clientEnd.lose();
    await away(pair);
    await together(pair);
    await until("the rest", () => pair.server.texts.length === 3);
    expect(pair.server.texts).toEqual(["m8", "m9", "m10"]);
    expect(pair.server.gaps).toEqual([{ first: 1, last: 7 }]);
    expect(pair.client.unknown).toEqual([{ first: 1, last: 7 }]);
    pair.client.session.trySend("after");
    await until("after", () => pair.server.texts.length === 4);
    expect((await pair.client.session.close()).unconfirmed).toBe(0);
  });

  test("a server that has forgotten the session begins a new one, and fates are told", async () => {
    const pair = await resumablePair(
      {},
      { server: { listeners: { onRequest: () => new Promise(() => {}) } } },
    );
    const { session } = pair.client;
    const plain = session.request("plain");
    plain.catch(() => {});
    const safe = session.request("safe", { idempotencyKey: "k" });
    await until(
      "there",
      () => pair.server.session.statistics.activeRequests === 2,
    );
    pair.clientEnd.lose();
    await away(pair);
    pair.server.session.abort();
    const other = new HeardSession({
      role: "server",
      resumeToken: Uint8Array.of(9),
      listeners: { onRequest: (request) => `${request.text()} again` },
    });
    join(session, other.session);
    expect(((await refusalOf(plain)) as { code: string }).code).toBe(
      "FateUnknown",
    );
    expect((await safe).text()).toBe("safe again");
    expect(pair.client.unknown).toEqual([{ first: 1, last: 2 }]);
    expect(session.id).toBe(other.session.id);
    session.trySend("new");
    await until("new", () => other.session.statistics.messagesReceived === 1);
    await session.close();
  });

  test("cancels are said again for requests that were given up while away", async () => {
    const signals: AbortSignal[] = [];
    const pair = await resumablePair(
      {},
      {
        server: {
          listeners: {
            onRequest: (request) => {
              signals.push(request.signal);
              return new Promise(() => {});
            },
          },
        },
      },
    );
    const abort = new AbortController();
    const pending = pair.client.session.request("q", { signal: abort.signal });
    pending.catch(() => {});
    await until("there", () => signals.length === 1);
    pair.clientEnd.lose();
    await away(pair);
    abort.abort();
    expect(signals[0]?.aborted).toBe(false);
    await together(pair);
    await until("told", () => signals[0]?.aborted === true);
    pair.client.session.abort();
  });

  test("a connection that takes over closes the one before", async () => {
    const pair = await resumablePair();
    pair.client.session.trySend("one");
    await until("one", () => pair.server.texts.length === 1);
    const before = pair.serverEnd;
    await together(pair);
    await until("closed", () => before.state === "closed");
    pair.client.session.trySend("two");
    await until("two", () => pair.server.texts.length === 2);
    expect(pair.server.texts).toEqual(["one", "two"]);
    expect(pair.server.ends).toEqual([]);
    await pair.client.session.close();
  });
});
