import { z } from "zod";
import {
  Message,
  QueueTimeoutError,
  SerializationFailedError,
} from "../../../src/queue/mod.ts";
import { errorOf, queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const schema = z.object({ id: z.number().int(), url: z.string() });

describe("values", () => {
  test("without a schema any JSON goes", () => {
    const queue = queues.create();
    for (const value of [null, 1, "x", [1, { a: "ü" }], { deep: { er: [] } }]) {
      queue.sendValue(value);
      expect(queue.tryReceive()?.value()).toEqual(value);
    }
  });

  test("what has no JSON is refused", () => {
    const queue = queues.create();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const value of [undefined, () => 1, 1n, cycle]) {
      expect(() => queue.sendValue(value)).toThrow(SerializationFailedError);
      expect(() => Message.json(value)).toThrow(SerializationFailedError);
    }
    expect(queue.status().counters.sent).toBe(0);
  });

  test("a schema is checked by the sender", async () => {
    const queue = queues.create({ schema });
    queue.sendValue({ id: 1, url: "a" });
    const error = await errorOf(() =>
      queue.sendValue({ id: "1", url: "a" } as unknown as {
        id: number;
        url: string;
      }),
    );
    expect(error).toBeInstanceOf(SerializationFailedError);
    expect((error as Error).cause).toBeInstanceOf(Error);
    expect(() => queue.send("not json")).toThrow(SerializationFailedError);
    expect(() => queue.send(Message.json({ id: 1 }))).toThrow(
      SerializationFailedError,
    );
    expect(queue.sendMany([Message.json({ id: 2, url: "b" })])).toBe(1);
    expect(() => queue.sendMany([Message.json({ id: 2 })])).toThrow(
      SerializationFailedError,
    );
    expect(queue.status().counters.sent).toBe(2);
  });

  test("a full queue refuses a value, or lets it wait; it is checked before", async () => {
    const queue = queues.create({ schema, maxMessages: 1 });
    expect(queue.trySendValue({ id: 1, url: "a" })).toBe(true);
    expect(queue.trySendValue({ id: 2, url: "b" })).toBe(false);
    const value = { id: 2, url: "b" };
    const waiting = queue.sendValueWait(value, { timeoutMs: 10_000 });
    value.url = "changed while it waits";
    const wrong = { id: "3", url: "c" } as never;
    for (const send of [
      () => queue.trySendValue(wrong),
      () => queue.sendValueWait(wrong),
    ])
      expect(await errorOf(send)).toBeInstanceOf(SerializationFailedError);
    expect(
      await errorOf(() =>
        queue.sendValueWait({ id: 4, url: "d" }, { timeoutMs: 20 }),
      ),
    ).toBeInstanceOf(QueueTimeoutError);
    expect(queue.tryReceive()?.value()).toEqual({ id: 1, url: "a" });
    expect(typeof (await waiting)).toBe("bigint");
    expect(queue.tryReceive()?.value()).toEqual({ id: 2, url: "b" });
  });

  test("a schema is checked by the receiver", () => {
    const queue = queues.create();
    const typed = queues.connect<{ id: number; url: string }>(queue as never, {
      schema,
    });
    queue.sendMany([
      Message.json({ id: 1, url: "a", extra: true }),
      "not json",
      Message.json({ id: "x" }),
    ]);
    const first = typed.tryReceive();
    // The schema decides what the value is.
    expect(first?.value()).toEqual({ id: 1, url: "a" });
    expect(first?.json()).toEqual({ id: 1, url: "a" });
    const second = typed.tryReserve();
    expect(() => second?.value()).toThrow(SerializationFailedError);
    second?.bury("not json");
    expect(() => typed.tryReceive()?.json()).toThrow(SerializationFailedError);
  });

  test("json takes a schema of its own", () => {
    const queue = queues.create();
    queue.send(Message.json({ n: 1 }));
    const message = queue.tryReceive();
    expect(message?.json(z.object({ n: z.number() })).n).toBe(1);
    expect(() => message?.json(z.object({ n: z.string() }))).toThrow(
      SerializationFailedError,
    );
  });

  test("a codec replaces JSON, its failures are wrapped", async () => {
    const codec = {
      encode: (value: unknown) => {
        if (typeof value !== "number") throw new Error("only numbers");
        return new Uint8Array([value]);
      },
      decode: (body: Uint8Array) => {
        if (body.byteLength !== 1) throw new Error("one byte");
        return body[0];
      },
    };
    const queue = queues.create({ codec });
    queue.sendValue(200);
    expect(queue.tryReceive()?.value()).toBe(200);
    const error = await errorOf(() => queue.sendValue("x"));
    expect(error).toBeInstanceOf(SerializationFailedError);
    expect((error as Error).message).toContain("only numbers");
    queue.send("two");
    expect(() => queue.tryReceive()?.value()).toThrow(SerializationFailedError);
  });

  test("malformed UTF-8 is replaced in texts and refused in JSON", () => {
    const queue = queues.create();
    queue.send(new Uint8Array([0x22, 0xff, 0x22]));
    const message = queue.tryReceive();
    expect(message?.text()).toBe('"\ufffd"');
    expect(() => message?.json()).toThrow(SerializationFailedError);
  });
});
