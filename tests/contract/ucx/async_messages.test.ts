import {
  AsyncMessage,
  UcxCanceledError,
  UcxNotConnectedError,
  UcxTimeoutError,
  UcxTruncatedError,
} from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  echo,
  sharedMemoryUcx,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 30_000;
const decoder = new TextDecoder();

afterEach(() => ucx.closeAll());

describe("an asynchronous client", () => {
  test(
    "says hello to a server that answers (quick start)",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, async (client) => {
        const text = decoder.decode(await client.receiveMessage(0, 1024));
        await client.sendMessage(0, `you said: ${text}`);
        await client.closed;
      });
      const client = manager.createClient();
      expect(client.isConnected).toBe(false);
      await client.connect(server.address);
      expect(client.isConnected).toBe(true);
      const message = AsyncMessage.text(0, "Hello, async UCX!");
      await client.sendMessage(message.tag, message.data);
      const response = await client.receiveMessage(0, 1024);
      expect(decoder.decode(response)).toBe("you said: Hello, async UCX!");
      await manager.shutdown();
      expect(client.isConnected).toBe(false);
    },
    { timeoutMs },
  );

  test(
    "gives messages of every length in their true length, over both transports",
    async () => {
      for (const keys of [undefined, sharedMemoryUcx]) {
        const manager = ucx.manager(keys === undefined ? {} : { ucx: keys });
        const server = await ucx.serve(manager, async (client) => {
          for (;;) {
            const { tag, data } = await client.receive({ maxLength: 2 ** 24 });
            await client.sendMessage(tag, data);
          }
        });
        const client = await ucx.connect(manager, server);
        for (const length of [
          0, 1, 8, 1000, 1024, 8192, 65_536, 100_000, 1_048_576, 5_000_000,
        ]) {
          const sent = new Uint8Array(length);
          for (let index = 0; index < length; index += 97)
            sent[index] = index & 0xff;
          const answer = client.receiveMessage(length, 2 ** 24, {
            timeoutMs: 15_000,
          });
          await client.sendMessage(length, sent);
          const got = await answer;
          expect(got.byteLength).toBe(length);
          expect(got.every((byte, index) => byte === sent[index])).toBe(true);
        }
      }
    },
    { timeoutMs },
  );

  test(
    "receives by tag, by mask, and any; in the order of arrival",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      for (const tag of [1, 2, 0x101, 2 ** 40 - 1, 3])
        await client.sendMessage(tag, `tag ${tag}`);
      const text = async (
        tag: number | undefined,
        mask?: bigint,
      ): Promise<string> =>
        decoder.decode(await client.receiveMessage(tag, 100, { mask }));
      expect(await text(2 ** 40 - 1)).toBe("tag 1099511627775");
      expect(await text(0x301, 0xffn)).toBe("tag 1");
      expect(await text(0x301, 0xffn)).toBe("tag 257");
      expect(await text(undefined)).toBe("tag 2");
      const last = await client.receive();
      expect(last.tag).toBe(3);
      expect(last.text()).toBe("tag 3");
      expect(Math.abs(Date.now() - last.timestamp)).toBeLessThan(60_000);
      expect(client.tryReceive()).toBe(undefined);
    },
    { timeoutMs },
  );

  test(
    "a receive of one tag waits while another tag's is served, and neither crosses connections",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const one = await ucx.connect(manager, server);
      const two = await ucx.connect(manager, server);
      const later = one.receiveMessage(9);
      await one.sendMessage(8, "8");
      await two.sendMessage(9, "of two");
      expect(decoder.decode(await one.receiveMessage(8))).toBe("8");
      expect(decoder.decode(await two.receiveMessage(9))).toBe("of two");
      await one.sendMessage(9, "of one");
      expect(decoder.decode(await later)).toBe("of one");
    },
    { timeoutMs },
  );

  test(
    "a message of several buffers arrives as one",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      const parts = ["one ", "two ", "three"].map((part) =>
        new TextEncoder().encode(part),
      );
      await client.sendMessage(1, parts);
      expect(decoder.decode(await client.receiveMessage(1))).toBe(
        "one two three",
      );
    },
    { timeoutMs },
  );

  test(
    "a message that is longer than wanted is refused, and stays",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      const early = client.receiveMessage(1, 4);
      await client.sendMessage(1, "too long");
      await expect(early).rejects.toThrow(UcxTruncatedError);
      await expect(client.receiveMessage(1, 7)).rejects.toThrow(
        "a message of 8 bytes does not fit",
      );
      expect(decoder.decode(await client.receiveMessage(1, 8))).toBe(
        "too long",
      );
    },
    { timeoutMs },
  );

  test(
    "a receive that is out of time or aborted loses no message",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      await expect(
        client.receiveMessage(5, 100, { timeoutMs: 20 }),
      ).rejects.toThrow(UcxTimeoutError);
      await expect(
        client.receiveMessage(5, 100, { timeoutMs: 0 }),
      ).rejects.toThrow(UcxTimeoutError);
      const controller = new AbortController();
      const aborted = client.receiveMessage(5, 100, {
        signal: controller.signal,
      });
      const next = client.receiveMessage(5);
      controller.abort(new Error("no longer wanted"));
      await expect(aborted).rejects.toThrow("no longer wanted");
      await expect(
        client.receiveMessage(5, 100, { signal: controller.signal }),
      ).rejects.toThrow("no longer wanted");
      await client.sendMessage(5, "first");
      expect(decoder.decode(await next)).toBe("first");
    },
    { timeoutMs },
  );

  test(
    "a long message whose receive is given up, at whatever moment, goes to the next",
    async () => {
      // Two workers: within one, all of a fetch happens in one turn.
      const manager = ucx.manager();
      const bytes = 2 ** 20;
      const server = await ucx.serve(ucx.manager(), async (client) => {
        for await (const message of client)
          await client.sendMessage(
            1,
            new Uint8Array(bytes).fill(message.bytes()[0] ?? 0),
          );
      });
      const client = await ucx.connect(manager, server);
      for (let trial = 0; trial < 40; trial++) {
        const controller = new AbortController();
        const first = client
          .receiveMessage(1, bytes, { signal: controller.signal })
          .catch(() => undefined);
        await client.sendMessage(0, new Uint8Array([trial]));
        for (let turn = 0; turn < trial; turn++)
          await new Promise((resolve) => setImmediate(resolve));
        controller.abort();
        const got =
          (await first) ??
          (await client.receiveMessage(1, bytes, { timeoutMs: 10_000 }));
        expect(got.byteLength).toBe(bytes);
        expect(got[0]).toBe(trial);
        expect(got[bytes - 1]).toBe(trial);
      }
    },
    { timeoutMs },
  );

  test(
    "own close takes back its receives; the peer's close ends the other's and the iteration",
    async () => {
      const manager = ucx.manager();
      const seen: string[] = [];
      let ended: unknown;
      const server = await ucx.serve(manager, async (client) => {
        for await (const message of client) seen.push(message.text());
        try {
          await client.receiveMessage();
        } catch (error) {
          ended = error;
        }
      });
      const client = await ucx.connect(manager, server);
      await client.sendMessage(0, "a");
      await client.sendMessage(1, "b");
      const waiting = client.receiveMessage();
      const outcome = waiting.catch((error: unknown) => error);
      await client.close();
      expect(await outcome).toBeInstanceOf(UcxCanceledError);
      await untilTrue(() => ended !== undefined, "the handler ends");
      expect(ended).toBeInstanceOf(UcxNotConnectedError);
      expect(seen).toEqual(["a", "b"]);
      await expect(client.sendMessage(0, "x")).rejects.toThrow(
        UcxNotConnectedError,
      );
      const info = await client.closed;
      expect(info?.by).toBe("us");
      expect(info?.orderly).toBe(true);
    },
    { timeoutMs },
  );

  test(
    "beyond the peer's credit sends wait, in order, and can be given up",
    async () => {
      const manager = ucx.manager({ creditMessages: 4, maxQueuedSends: 6 });
      let go: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      const seen: string[] = [];
      const server = await ucx.serve(manager, async (client) => {
        await gate;
        for await (const message of client) seen.push(message.text());
      });
      const client = await ucx.connect(manager, server);
      const sends: Promise<void>[] = [];
      for (let index = 0; index < 9; index++)
        sends.push(client.sendMessage(0, String(index)));
      expect(client.queuedSends).toBe(5);
      await expect(
        client.sendMessage(0, "late", { timeoutMs: 20 }),
      ).rejects.toThrow("nothing was sent");
      sends.push(client.sendMessage(0, "9"));
      await expect(client.sendMessage(0, "too many")).rejects.toThrow(
        "maxQueuedSends",
      );
      go();
      await Promise.all(sends);
      await untilTrue(() => seen.length === 10, "all arrive");
      expect(seen.join("")).toBe("0123456789");
    },
    { timeoutMs },
  );

  test(
    "a receive gets at a message behind more than the credit of others",
    async () => {
      const manager = ucx.manager({ creditMessages: 4 });
      const server = await ucx.serve(manager, async (client) => {
        const { data } = await client.receive({ tag: 2 });
        const texts: string[] = [];
        for (let index = 0; index < 20; index++)
          texts.push((await client.receive({ tag: 1 })).text());
        await client.sendMessage(
          3,
          `${decoder.decode(data)}:${texts.join("")}`,
        );
        await client.closed;
      });
      const client = await ucx.connect(manager, server);
      for (let index = 0; index < 20; index++)
        await client.sendMessage(1, String(index % 10), { timeoutMs: 15_000 });
      await client.sendMessage(2, "behind", { timeoutMs: 15_000 });
      expect(decoder.decode(await client.receiveMessage(3))).toBe(
        "behind:01234567890123456789",
      );
      expect(manager.stats().messagesSpilled).toBe(0);
    },
    { timeoutMs },
  );

  test(
    "misuse is refused by a rejection that says what is allowed",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = manager.createClient();
      await expect(client.sendMessage(0, "x")).rejects.toThrow(
        "the client is not connected",
      );
      await expect(client.connect("nonsense")).rejects.toThrow(TypeError);
      await expect(client.connect("127.0.0.1:0")).rejects.toThrow(RangeError);
      await client.connect(server.address);
      await expect(client.connect(server.address)).rejects.toThrow(
        "the client is connected",
      );
      await expect(client.sendMessage(-1, "x")).rejects.toThrow(RangeError);
      await expect(client.sendMessage(2 ** 40, "x")).rejects.toThrow("tag");
      await expect(client.receiveMessage(0, -1)).rejects.toThrow(RangeError);
      await expect(
        client.receiveMessage(0, 1, { timeoutMs: -1 }),
      ).rejects.toThrow(RangeError);
      await expect(
        client.sendMessage(0, 5 as unknown as string),
      ).rejects.toThrow(TypeError);
      expect(client.isConnected).toBe(true);
    },
    { timeoutMs },
  );
});
