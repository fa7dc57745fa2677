/** The patterns of the requirement document on asynchronous UCX. */
import {
  AsyncMessage,
  type AsyncUcxClient,
  PerformanceMetrics,
  UcxError,
} from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  echo,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 30_000;
const decoder = new TextDecoder();

afterEach(() => ucx.closeAll());

async function connected(): Promise<{
  client: AsyncUcxClient;
  seen: AsyncMessage[];
}> {
  const seen: AsyncMessage[] = [];
  const manager = ucx.manager();
  const server = await ucx.serve(manager, async (client) => {
    for await (const message of client) seen.push(message);
  });
  return { client: await ucx.connect(manager, server), seen };
}

describe("patterns", () => {
  test(
    "ping-pong, with its duration",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, async (client) => {
        for await (const message of client)
          await client.sendMessage(message.tag, "PONG");
      });
      const client = await ucx.connect(manager, server);
      const metrics = new PerformanceMetrics();
      for (let index = 0; index < 100; index++) {
        const response = await metrics.measure(() => client.request(1, "PING"));
        expect(decoder.decode(response)).toBe("PONG");
      }
      expect(metrics.snapshot().latency.count).toBe(100);
      expect(metrics.latencyPercentileMs(50)).toBeGreaterThan(0);
    },
    { timeoutMs },
  );

  test(
    "a burst of calls, all at once",
    async () => {
      const { client, seen } = await connected();
      const results = await Promise.allSettled(
        Array.from({ length: 500 }, (_, index) =>
          client.sendMessage(index, `Message ${index}`),
        ),
      );
      expect(results.every((result) => result.status === "fulfilled")).toBe(
        true,
      );
      await untilTrue(() => seen.length === 500, "all arrive");
      expect(seen.map((message) => message.tag)).toEqual(
        Array.from({ length: 500 }, (_, index) => index),
      );
    },
    { timeoutMs },
  );

  test(
    "a batch and a burst with a bound of messages on their way",
    async () => {
      const { client, seen } = await connected();
      let largest = 0;
      function* messages(): Generator<{ tag: number; data: string }> {
        for (let index = 0; index < 100; index++) {
          largest = Math.max(largest, client.queuedSends);
          yield { tag: index, data: `Batch message ${index}` };
        }
      }
      expect(await client.sendBatch(messages(), { maxInFlight: 8 })).toBe(100);
      expect(await client.sendBurst(messages(), { timeoutMs: 10_000 })).toEqual(
        Array.from({ length: 100 }, () => undefined),
      );
      await untilTrue(() => seen.length === 200, "all arrive");
      expect(seen[199]?.text()).toBe("Batch message 99");
      expect(largest).toBeLessThanOrEqual(64);
      expect(await client.sendBatch([])).toBe(0);
      await expect(
        client.sendBatch([{ tag: 0, data: "x" }], { maxInFlight: 0 }),
      ).rejects.toThrow(RangeError);
    },
    { timeoutMs },
  );

  test(
    "of a burst that fails, each message tells; a batch ends at the first",
    async () => {
      const { client } = await connected();
      const messages = [
        { tag: 1, data: "fine" },
        { tag: -1, data: "wrong tag" },
        { tag: 2, data: "fine" },
      ];
      const [first, second, third] = await client.sendBurst(messages);
      expect(first).toBe(undefined);
      expect(second).toBeInstanceOf(RangeError);
      expect(third).toBe(undefined);
      await expect(client.sendBatch(messages)).rejects.toThrow(RangeError);
      await client.close();
      const failed = await client.sendBurst(messages.slice(0, 1));
      expect(failed[0]).toBeInstanceOf(UcxError);
    },
    { timeoutMs },
  );

  test(
    "a client answers pings while its program does something else",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, (client) =>
        client.closed.then(() => {}),
      );
      const client = await ucx.connect(manager, server);
      const times = await Promise.all([
        client.ping({ timeoutMs: 15_000 }),
        client.ping({ timeoutMs: 15_000 }),
      ]);
      for (const time of times) expect(time).toBeGreaterThan(0);
    },
    { timeoutMs },
  );

  test(
    "text, JSON and bytes are messages",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      const value = { name: "ünicode", list: [1, 2, 3] };
      await client.send(AsyncMessage.json(5, value));
      await client.send(AsyncMessage.text(6, "Hello World"));
      await client.send(AsyncMessage.bytes(7, new Uint8Array([0, 255])));
      expect((await client.receive({ tag: 5 })).json()).toEqual(value);
      const text = await client.receive({ tag: 6 });
      expect(text.text()).toBe("Hello World");
      expect(text.length).toBe(11);
      expect(text.date.getTime()).toBe(text.timestamp);
      const bytes = await client.receive({ tag: 7 });
      expect([...bytes.bytes()]).toEqual([0, 255]);
      expect(() => bytes.json()).toThrow(TypeError);
      expect(() => AsyncMessage.json(1, undefined)).toThrow(TypeError);
    },
    { timeoutMs },
  );

  test(
    "a loop that awaits only what is there at once leaves timers their turn",
    async () => {
      // Credit for more than the loop can send: nothing but its own fairness stops it.
      const manager = ucx.manager({ creditMessages: 2 ** 30 });
      const server = await ucx.serve(manager, async (peer) => {
        await peer.closed;
      });
      const client = await ucx.connect(manager, server);
      let fired = false;
      setTimeout(() => {
        fired = true;
      }, 5);
      const endMs = performance.now() + 3000;
      while (!fired && performance.now() < endMs)
        await client.sendMessage(1, "", { timeoutMs: 5000 });
      expect(fired).toBe(true);
    },
    { timeoutMs },
  );
});
