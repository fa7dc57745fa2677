/** Bodies that are taken into memory of the caller's. */
import {
  type CrossProcessQueue,
  LeaseLostError,
  type Message,
  MessageTooLargeError,
} from "../../../src/queue/mod.ts";
import { errorOf, queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

type Taking = (
  queue: CrossProcessQueue,
  into: Uint8Array,
) => Message | null | Promise<Message | null>;

/** Every call that takes one message. */
const ways: Readonly<Record<string, Taking>> = {
  tryReceive: (queue, into) => queue.tryReceive({ into }),
  receive: (queue, into) => queue.receive({ into, timeoutMs: 0 }),
  receiveSync: (queue, into) => queue.receiveSync(0, { into }),
  tryReserve: (queue, into) => queue.tryReserve({ into }),
  reserve: (queue, into) => queue.reserve({ into, timeoutMs: 0 }),
  reserveSync: (queue, into) => queue.reserveSync(0, { into }),
};

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + length) & 255);
}

describe("into memory of the caller's", () => {
  for (const [name, take] of Object.entries(ways)) {
    test(`${name}: the body, in a view of it, and nothing beside it`, async () => {
      const queue = queues.create({ maxMessageSize: 300_000 });
      const memory = new Uint8Array(400_000);
      const into = memory.subarray(1000, 301_000);
      for (const length of [0, 1, 7, 512, 5000, 262_144, 300_000]) {
        for (const headers of [undefined, { k: `v${length}` }]) {
          const body = pattern(length);
          queue.send(body, { headers });
          memory.fill(0xee);
          const message = await take(queue, into);
          expect(message?.byteLength).toBe(length);
          expect(message?.data).toEqual(body);
          expect(message?.data.buffer).toBe(memory.buffer);
          expect(message?.data.byteOffset).toBe(1000);
          expect(message?.headers).toEqual({ ...headers });
          expect(message?.attempts).toBe(1);
          expect(message?.redelivered).toBe(false);
          expect(memory[999]).toBe(0xee);
          expect(memory[1000 + length]).toBe(0xee);
          if (message !== null && "ack" in message)
            (message as unknown as { ack(): void }).ack();
        }
      }
      expect(await take(queue, into)).toBeNull();
      expect(queue.status().usage).toBe(0);
    });

    test(`${name}: what does not fit stays in the queue, uncounted`, async () => {
      // Alone, so that no turn of the lowest priority passes over what was given back.
      const queue = queues.create({ maxDeliver: 2, exclusive: true });
      const id = queue.send(pattern(1000), { headers: { k: "v" } });
      queue.send("behind");
      const into = new Uint8Array(999).fill(0xee);
      for (let round = 0; round < 4; round++) {
        const error = await errorOf(() => take(queue, into));
        expect(error).toBeInstanceOf(MessageTooLargeError);
        expect((error as Error).message).toContain("1000 bytes");
        expect((error as Error).message).toContain("999");
      }
      expect(into.every((byte) => byte === 0xee)).toBe(true);
      expect(queue.status().leased).toBe(0);
      const message = await take(queue, new Uint8Array(1000));
      expect(message?.id).toBe(id);
      expect(message?.attempts).toBe(1);
      expect(message?.data).toEqual(pattern(1000));
    });

    test(`${name}: memory that cannot be used is refused before anything is taken`, async () => {
      const queue = queues.create();
      queue.send("body");
      const detached = new Uint8Array(100);
      detached.buffer.transfer();
      const wrong: [unknown, string][] = [
        [detached, "detached"],
        [
          new Uint8Array(new ArrayBuffer(100, { maxByteLength: 200 })),
          "resizable",
        ],
        [new Uint8Array(new SharedArrayBuffer(100)), "shared"],
        [new ArrayBuffer(100), "given object, allowed a Uint8Array"],
        [new Uint16Array(100), "given object, allowed a Uint8Array"],
        [100, "given number"],
        [null, "given null"],
      ];
      for (const [into, text] of wrong) {
        const error = await errorOf(() => take(queue, into as Uint8Array));
        expect(error).toBeInstanceOf(TypeError);
        expect((error as Error).message).toContain(text);
      }
      expect(queue.status().counters.taken).toBe(0);
      expect(queue.tryReceive()?.attempts).toBe(1);
    });
  }

  test("the next message overwrites it, and texts and JSON are read from it", () => {
    const queue = queues.create();
    const into = new Uint8Array(100);
    queue.send('{"a":1}');
    queue.send("two");
    const first = queue.tryReceive({ into });
    expect(first?.json()).toEqual({ a: 1 });
    expect(first?.value()).toEqual({ a: 1 });
    expect(queue.tryReceive({ into })?.text()).toBe("two");
    expect(first?.text()).toBe('two":1}');
  });

  test("a message that was taken into it can be sent on, with its headers", () => {
    const queue = queues.create();
    const into = new Uint8Array(100);
    queue.send("body", { headers: { k: "v" }, priority: "high" });
    const message = queue.tryReceive({ into });
    if (message !== null) queue.send(message);
    const again = queue.tryReceive();
    expect(again?.text()).toBe("body");
    expect(again?.headers).toEqual({ k: "v" });
    expect(again?.priority).toBe("high");
  });

  test("it can be taken away while a message is waited for", async () => {
    const queue = queues.create();
    const into = new Uint8Array(100);
    const waiting = errorOf(() => queue.receive({ into, timeoutMs: 5000 }));
    into.buffer.transfer();
    await new Promise((resolve) => setTimeout(resolve, 20));
    queue.send("body");
    expect(await waiting).toBeInstanceOf(TypeError);
    expect(queue.tryReceive()?.text()).toBe("body");
  });

  test("it can be taken away while the job is out", () => {
    const queue = queues.create();
    const into = new Uint8Array(100);
    queue.send("body", { headers: { k: "v" } });
    const job = queue.tryReserve({ into });
    into.buffer.transfer();
    expect(job?.data.byteLength).toBe(0);
    expect(job?.text()).toBe("");
    expect(job?.headers.k).toBe("v");
    job?.ack();
    expect(() => job?.ack()).toThrow(LeaseLostError);
  });

  test("a claimed body, which has no checksum, arrives in it too", () => {
    const queue = queues.create();
    const claim = queue.claim(5000, { headers: { k: "v" } });
    claim.bytes.set(pattern(5000));
    claim.commit();
    const message = queue.tryReceive({ into: new Uint8Array(6000) });
    expect(message?.data).toEqual(pattern(5000));
    expect(message?.headers.k).toBe("v");
  });

  test("an uncounted reservation that does not fit is not counted either", () => {
    const queue = queues.create({ maxDeliver: 1 });
    queue.send("body");
    for (let round = 0; round < 3; round++)
      expect(() =>
        queue.tryReserve({ uncounted: true, into: new Uint8Array(3) }),
      ).toThrow(MessageTooLargeError);
    const job = queue.tryReserve({ uncounted: true, into: new Uint8Array(4) });
    expect(job?.attempts).toBe(0);
    expect(job?.countAttempt()).toBe(1);
    job?.ack();
  });
});
