import type { SessionClosedError } from "../../../src/transport/session_errors.ts";
import { Compression } from "../../../src/wire/compression_names.ts";
import { sessionPair } from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

describe("session - flow", () => {
  test("a slow handler slows its peer, and nothing is lost", async () => {
    const open: (() => void)[] = [];
    let seen = 0;
    const { client, server } = await sessionPair({
      server: {
        creditMessages: 8,
        listeners: {
          onMessage: () => {
            seen += 1;
            return new Promise<void>((resolve) => open.push(resolve));
          },
        },
      },
      client: { queueMessages: 50 },
    });
    let taken = 0;
    while (taken < 1000 && client.session.trySend(new Uint8Array(2000)))
      taken += 1;
    expect(taken).toBe(58);
    await until("eight", () => seen === 8);
    // No more than that come while these are being handled.
    await client.session.ping();
    await client.session.ping();
    expect(seen).toBe(8);
    let isSent = false;
    const sent = client.session.send("one more").then(() => {
      isSent = true;
    });
    while (seen < 59) {
      expect(open.length).toBeLessThanOrEqual(8);
      expect(isSent).toBe(seen === 59);
      open.shift()?.();
      await until("the next", () => open.length > 0);
    }
    await sent;
    for (const done of open) done();
    expect(server.errors).toEqual([]);
    expect((await client.session.close()).unconfirmed).toBe(0);
  });

  test("tells when there is room again", async () => {
    let writable = 0;
    const { client, server } = await sessionPair({
      client: {
        queueMessages: 100,
        listeners: {
          onWritable: () => {
            writable += 1;
          },
        },
      },
    });
    let sent = 0;
    while (client.session.trySend(new Uint8Array(900))) sent += 1;
    expect(writable).toBe(0);
    await until("room", () => writable === 1);
    await until("all", () => server.messages.length === sent);
    await client.session.close();
  });

  test("a message of many MiB holds back neither pings nor urgent messages", async () => {
    const order: string[] = [];
    const { client, server } = await sessionPair({
      client: { queueBytes: 2 ** 26 },
      server: {
        limits: { maxMessageBytes: 2 ** 26 },
        listeners: {
          onMessage: (message) => {
            order.push(`${message.priority} ${message.payload.length}`);
          },
        },
      },
    });
    const large = new Uint8Array(2 ** 25);
    large[large.length - 1] = 7;
    const sent = client.session.send(large, { priority: "low" });
    client.session.trySend("normal");
    client.session.trySend("high", { priority: "high" });
    const ping = client.session.ping().then(() => order.push("ping"));
    await ping;
    await sent;
    await until("all", () => order.length === 4);
    expect(order.indexOf("ping")).toBeLessThan(3);
    expect(order[3]).toBe(`low ${2 ** 25}`);
    expect(order.includes("high 4")).toBe(true);
    expect(server.errors).toEqual([]);
    await client.session.close();
  });

  test("what waits goes by priority, and by age within one", async () => {
    const open: (() => void)[] = [];
    const seen: string[] = [];
    const { client } = await sessionPair({
      server: {
        creditMessages: 2,
        listeners: {
          onMessage: (message) => {
            seen.push(message.text());
            return new Promise<void>((resolve) => open.push(resolve));
          },
        },
      },
    });
    for (const text of ["first", "second"]) client.session.trySend(text);
    for (const priority of ["low", "normal", "high"] as const)
      for (const at of [1, 2])
        client.session.trySend(`${priority} ${at}`, { priority });
    while (seen.length < 8) {
      await until("handlers", () => open.length > 0);
      open.shift()?.();
      const before = seen.length;
      await until("the next", () => seen.length > before || before === 8);
    }
    expect(seen.slice(2)).toEqual([
      "high 1",
      "high 2",
      "normal 1",
      "normal 2",
      "low 1",
      "low 2",
    ]);
    for (const done of open) done();
    await client.session.close();
  });

  test("small messages that wait together stay within the credit", async () => {
    const open: (() => void)[] = [];
    let isHeld = true;
    const { client, server } = await sessionPair({
      server: {
        creditBytes: 100_000,
        listeners: {
          onMessage: () =>
            isHeld
              ? new Promise<void>((resolve) => open.push(resolve))
              : undefined,
        },
      },
    });
    // A large one first, so that those behind it wait in one batch while there is no credit.
    const large = client.session.send(new Uint8Array(400_000));
    for (let sent = 0; sent < 400; sent++)
      expect(client.session.trySend(new Uint8Array(700))).toBe(true);
    await large;
    await until("some", () => open.length > 1);
    for (let turn = 0; turn < 3; turn++) await client.session.ping();
    expect(client.session.state).toBe("open");
    expect(open.length).toBeLessThan(200);
    isHeld = false;
    for (const done of open) done();
    await until(
      "all",
      () => server.session.statistics.messagesReceived === 401,
    );
    expect((await client.session.close()).unconfirmed).toBe(0);
  });

  test("a small message passes a large one of lower priority that waits", async () => {
    const { client, server } = await sessionPair();
    const large = client.session.send(new Uint8Array(1_000_000), {
      priority: "low",
    });
    expect(client.session.trySend(new Uint8Array(3))).toBe(true);
    // Credit for a small one is left, and nothing else would send it.
    expect(client.session.statistics.messagesSent).toBe(2);
    await large;
    await until("both", () => server.messages.length === 2);
    expect(server.messages[0]?.payload.length).toBe(3);
    await client.session.close();
  });

  test("refuses at once what the peer would not take", async () => {
    const { client } = await sessionPair({
      server: { limits: { maxMessageBytes: 2000 } },
    });
    expect(() => client.session.trySend(new Uint8Array(2001))).toThrow(/2000/);
    expect(client.session.trySend(new Uint8Array(2000))).toBe(true);
    await client.session.close();
  });

  test("compresses what both sides want to, and counts it as it was", async () => {
    const { client, server, clientEnd } = await sessionPair({
      client: { compressions: [Compression.Zstd] },
    });
    const text = Array.from({ length: 10_000 }, (_, at) => `line ${at}`).join();
    await client.session.send(text);
    await until("there", () => server.texts.length === 1);
    expect(server.texts[0]).toBe(text);
    expect(clientEnd.bytesSent).toBeLessThan(text.length / 2);
    expect(client.session.statistics.bytesSent).toBe(text.length);
    expect(server.session.statistics.bytesReceived).toBe(text.length);
    await client.session.close();
  });

  test("stays right over connections that take little at a time", async () => {
    const { client, server } = await sessionPair({
      clientFaults: { writeBytes: 3001, bufferBytes: 5000, chunkBytes: 1777 },
      serverFaults: { writeBytes: 100, bufferBytes: 300, chunkBytes: 50 },
      server: { listeners: { onRequest: (request) => request.payload } },
    });
    const large = Uint8Array.from({ length: 300_000 }, (_, at) => at * 7);
    const [answer] = await Promise.all([
      client.session.request(large.subarray(0, 40_000)),
      client.session.send(large, { priority: "low" }),
      ...Array.from({ length: 200 }, (_, at) => client.session.send(`m${at}`)),
    ]);
    expect(Buffer.compare(answer.payload, large.subarray(0, 40_000))).toBe(0);
    await until("all", () => server.messages.length === 201);
    expect(server.texts.filter((text) => /^m\d+$/.test(text))).toEqual(
      Array.from({ length: 200 }, (_, at) => `m${at}`),
    );
    expect(Buffer.compare(server.messages[200]?.payload ?? large, large)).toBe(
      0,
    );
    await client.session.close();
  });

  test("drain handles what was sent before it was heard, and answers it", async () => {
    const answers: (() => void)[] = [];
    const { client, server } = await sessionPair({
      server: {
        listeners: {
          onRequest: () =>
            new Promise((resolve) => answers.push(() => resolve("late"))),
        },
      },
    });
    const pending = client.session.request("before");
    await until("there", () => answers.length === 1);
    const draining = server.session.drain({
      reason: "stop",
      redirect: "tcp://x:1",
    });
    await until("heard", () => client.session.state === "draining");
    expect(await refusalOf(client.session.request("after"))).toBeInstanceOf(
      Error,
    );
    const refusal = (await refusalOf(
      client.session.send("after"),
    )) as SessionClosedError;
    expect(refusal.code).toBe("SessionClosed");
    expect(refusal.closeCode).toBe(1001);
    for (const answer of answers) answer();
    expect((await pending).text()).toBe("late");
    const end = await draining;
    expect([end.code, end.by, end.unconfirmed]).toEqual([1001, "us", 0]);
    const theirs = await client.session.whenEnded();
    expect([
      theirs.code,
      theirs.by,
      theirs.redirect,
      theirs.unconfirmed,
    ]).toEqual([1001, "peer", "tcp://x:1", 0]);
  });

  test("drain gives up when its time is over", async () => {
    const { client, server } = await sessionPair({
      server: { listeners: { onRequest: () => new Promise(() => {}) } },
    });
    const pending = client.session.request("never");
    pending.catch(() => {});
    await until("there", () => server.session.statistics.activeRequests === 1);
    const end = await server.session.drain({ timeoutMs: 30 });
    expect(end.code).toBe(1001);
    expect(((await refusalOf(pending)) as Error).name).toBe("FateUnknownError");
  });
});
