import {
  MessagePriority,
  PrioritySender,
  UcxClosedError,
  UcxTimeoutError,
} from "../../../src/ucx/mod.ts";
import { asyncUcxFixture, untilTrue } from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();

afterEach(() => ucx.closeAll());

/** A client whose sends the test ends one by one. */
function heldClient(): {
  readonly sent: string[];
  sendMessage(tag: number | bigint, data: unknown): Promise<void>;
  finish(error?: Error): void;
} {
  const sent: string[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  return {
    sent,
    sendMessage: (_tag, data) => {
      sent.push(new TextDecoder().decode(data as Uint8Array));
      return new Promise((resolve, reject) => {
        waiting.push((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    },
    finish: (error) => waiting.shift()?.(error),
  };
}

async function finishAll(
  client: ReturnType<typeof heldClient>,
  count: number,
): Promise<void> {
  while (client.sent.length < count) {
    client.finish();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  client.finish();
}

describe("a priority sender", () => {
  test("sends high before normal before low, and in order within each", async () => {
    const client = heldClient();
    const sender = new PrioritySender(client, { maxInFlight: 1 });
    const all = [
      sender.send("low", 1, "first"),
      sender.send("low", 1, "l1"),
      sender.send("normal", 1, "n1"),
      sender.send("high", 1, "h1"),
      sender.send("normal", 1, "n2"),
      sender.send("high", 1, "h2"),
    ];
    await finishAll(client, 6);
    await Promise.all(all);
    expect(client.sent).toEqual(["first", "h1", "h2", "n1", "n2", "l1"]);
    const stats = sender.stats();
    expect(stats.high.sent).toBe(2);
    expect(stats.low.sentBytes).toBe(7);
    expect(stats.normal.queued).toBe(0);
  });

  test("a flood of high ones does not starve the low one", async () => {
    const client = heldClient();
    const sender = new PrioritySender(client, {
      maxInFlight: 1,
      weights: { high: 4, normal: 2, low: 1 },
    });
    const all: Promise<void>[] = [];
    for (let index = 0; index < 20; index++)
      all.push(sender.send(MessagePriority.High, 1, "h"));
    for (let index = 0; index < 3; index++)
      all.push(
        sender.send(MessagePriority.Normal, 1, "n"),
        sender.send(MessagePriority.Low, 1, "l"),
      );
    await finishAll(client, 26);
    await Promise.all(all);
    expect(client.sent.slice(0, 16).join("")).toBe("hhhhnnlhhhhnlhhh");
    expect(client.sent.filter((text) => text === "l")).toHaveLength(3);
  });

  test("more than it may keep wait outside, in messages and in bytes", async () => {
    const client = heldClient();
    const sender = new PrioritySender(client, {
      maxInFlight: 1,
      maxQueuedMessages: 2,
      maxQueuedBytes: 10,
    });
    const all = [
      sender.send("low", 1, "a"),
      sender.send("low", 1, "12345"),
      sender.send("low", 1, "123456"),
      sender.send("high", 1, "h"),
    ];
    // The one that is too long for now keeps those behind it out, too.
    expect(sender.stats().low.queued).toBe(1);
    expect(sender.stats().high.queued).toBe(0);
    await finishAll(client, 4);
    await Promise.all(all);
    expect(client.sent).toEqual(["a", "12345", "h", "123456"]);
    const long = sender.send("low", 1, "longer than everything");
    client.finish();
    await long;
  });

  test("a message whose time is over before its turn is not sent", async () => {
    const client = heldClient();
    const sender = new PrioritySender(client, { maxInFlight: 1 });
    const first = sender.send("normal", 1, "first");
    const late = sender
      .send("normal", 1, "late", { timeoutMs: 10 })
      .catch((error: unknown) => error);
    expect(await late).toBeInstanceOf(UcxTimeoutError);
    const waiting = sender
      .send("low", 1, "never")
      .catch((error: unknown) => error);
    sender.close();
    expect(await waiting).toBeInstanceOf(UcxClosedError);
    client.finish();
    await first;
    await sender.drained();
    expect(client.sent).toEqual(["first"]);
    await expect(sender.send("high", 1, "x")).rejects.toThrow(UcxClosedError);
  });

  test("a send that fails is its caller's, and counted; the others go on", async () => {
    const client = heldClient();
    const sender = new PrioritySender(client, { maxInFlight: 1 });
    const bad = sender
      .send("high", 1, "bad")
      .catch((error: Error) => error.message);
    const good = sender.send("high", 1, "good");
    client.finish(new Error("broken"));
    expect(await bad).toBe("broken");
    client.finish();
    await good;
    expect(sender.stats().high.failed).toBe(1);
    expect(sender.stats().high.sent).toBe(1);
    await expect(
      sender.send("urgent" as MessagePriority, 1, "x"),
    ).rejects.toThrow(TypeError);
    expect(() => new PrioritySender(client, { maxInFlight: 0 })).toThrow(
      RangeError,
    );
  });

  test(
    "over a connection whose peer is slow, high ones overtake",
    async () => {
      let go: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      const seen: string[] = [];
      const manager = ucx.manager({ creditMessages: 4 });
      const server = await ucx.serve(manager, async (peer) => {
        await gate;
        for await (const message of peer) seen.push(message.text());
      });
      const client = await ucx.connect(manager, server);
      const sender = new PrioritySender(client, { maxInFlight: 1 });
      const all: Promise<void>[] = [];
      for (let index = 0; index < 20; index++)
        all.push(sender.send("low", 1, "l"));
      // Those that the peer gave credit for are on their way.
      await untilTrue(() => sender.stats().low.sent === 4, "4 are sent");
      all.push(sender.send("high", 1, "h"));
      go();
      await Promise.all(all);
      await untilTrue(() => seen.length === 21, "all arrive");
      expect(seen.indexOf("h")).toBe(5);
    },
    { timeoutMs: 30_000 },
  );
});
