import {
  type CreateOptions,
  CrossProcessQueue,
  Message,
  parsePlace,
} from "../../../src/queue/mod.ts";
import { errorOf, queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

async function expectError(
  call: () => unknown,
  type: ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor,
  text: string,
): Promise<void> {
  const error = await errorOf(call);
  if (!(error instanceof type) || !error.message.includes(text))
    throw new Error(`${call}: ${error}, expected ${type.name} with ${text}`);
}

describe("misuse is refused with what was given and what is allowed", () => {
  test("names", async () => {
    for (const name of [
      "",
      ".hidden",
      "a/b",
      "a b",
      "ü",
      "x".repeat(201),
      "../up",
      "nul\0",
      "file:",
      "file:dir/",
    ]) {
      await expectError(() => parsePlace(name), TypeError, "allowed");
      await expectError(
        () => CrossProcessQueue.connect(name),
        TypeError,
        "allowed",
      );
      await expectError(
        () => CrossProcessQueue.create(name),
        TypeError,
        "allowed",
      );
      await expectError(
        () => CrossProcessQueue.destroy(name),
        TypeError,
        "allowed",
      );
    }
    await expectError(
      () => CrossProcessQueue.create(7 as unknown as string),
      TypeError,
      "given number",
    );
    expect(parsePlace("file:relative/q").path.startsWith("/")).toBe(true);
  });

  test("options of create", async () => {
    const wrong: [
      Record<string, unknown>,
      TypeErrorConstructor | RangeErrorConstructor,
      string,
    ][] = [
      [
        { maxMessages: 0 },
        RangeError,
        "maxMessages: given 0, allowed an integer from 1 to 1048576 (messages)",
      ],
      [{ maxMessages: 2 ** 20 + 1 }, RangeError, "maxMessages"],
      [{ maxMessages: 1.5 }, RangeError, "maxMessages"],
      [{ maxMessages: Number.NaN }, RangeError, "maxMessages"],
      [
        { maxMessages: "10" },
        TypeError,
        'maxMessages: given "10", allowed an integer',
      ],
      [{ maxMessageSize: 2 ** 30 + 1 }, RangeError, "maxMessageSize"],
      [{ maxHeadersSize: -1 }, RangeError, "maxHeadersSize"],
      [{ maxParticipants: 4096 }, RangeError, "maxParticipants"],
      [{ maxDeliver: 256 }, RangeError, "maxDeliver"],
      [{ maxDead: 0 }, RangeError, "maxDead"],
      [{ leaseMs: 0 }, RangeError, "leaseMs"],
      [{ stagingBytes: 1 }, RangeError, "stagingBytes"],
      [{ mode: 0o777 }, RangeError, "mode"],
      [{ mode: 0o640 | 0o001 }, RangeError, "mode"],
      [
        { ifExists: "replace" },
        TypeError,
        'ifExists: given "replace", allowed "fail", "connect"',
      ],
      [{ reopen: 1 }, TypeError, "reopen"],
      [{ participantName: "x".repeat(32) }, TypeError, "participantName"],
      [{ schema: {} }, TypeError, "schema"],
      [{ codec: { encode() {} } }, TypeError, "codec"],
      [{ maxMessage: 1 }, TypeError, 'unknown option "maxMessage"'],
      [{ journal: {} }, TypeError, "journal"],
      [{ journal: { sync: "never" } }, TypeError, "journal.sync"],
    ];
    for (const [options, type, text] of wrong)
      await expectError(
        () => CrossProcessQueue.create(queues.name(), options as CreateOptions),
        type,
        text,
      );
    await expectError(
      () =>
        CrossProcessQueue.create(
          queues.name(),
          null as unknown as CreateOptions,
        ),
      TypeError,
      "allowed an object",
    );
    await expectError(
      () =>
        CrossProcessQueue.connect(queues.name(), { observer: true } as never),
      TypeError,
      'unknown option "observer"',
    );
  });

  test("bodies and options of a send", async () => {
    const queue = queues.create();
    for (const body of [
      null,
      undefined,
      7,
      {},
      [1],
      new Date(),
      new Uint16Array(2),
    ]) {
      await expectError(
        () => queue.send(body as never),
        TypeError,
        "allowed a Message, a Uint8Array or a string",
      );
      await expectError(
        () => queue.sendMany([body] as never),
        TypeError,
        "allowed",
      );
      await expectError(
        () => queue.sendWait(body as never),
        TypeError,
        "allowed",
      );
      await expectError(
        () => queue.request(body as never),
        TypeError,
        "allowed",
      );
    }
    for (const body of [null, 7, {}])
      await expectError(() => new Message(body as never), TypeError, "allowed");
    await expectError(
      () => new Message("x", { priority: "urgent" as never }),
      RangeError,
      '"urgent"',
    );
    await expectError(
      () => queue.send("x", { priority: "urgent" as never }),
      RangeError,
      '"urgent"',
    );
    await expectError(
      () => queue.send("x", { onFull: "block" as never }),
      RangeError,
      '"block"',
    );
    await expectError(
      () => queue.send("x", { delayMs: -1 }),
      RangeError,
      "delayMs",
    );
    await expectError(
      () => queue.send("x", { delayMs: Number.NaN }),
      RangeError,
      "delayMs",
    );
    await expectError(
      () => queue.send("x", { delayMs: "1" as never }),
      TypeError,
      "delayMs",
    );
    await expectError(() => queue.send("x", { ttlMs: 0 }), RangeError, "ttlMs");
    await expectError(
      () => queue.send("x", { ttlMs: Number.POSITIVE_INFINITY }),
      RangeError,
      "ttlMs",
    );
    await expectError(
      () => queue.send("x", { headers: { k: 1 } as never }),
      TypeError,
      '"k"',
    );
    await expectError(
      () => queue.send("x", { headers: { Upper: "x" } }),
      TypeError,
      "lower-case",
    );
    await expectError(
      () => queue.send("x", { headers: { "": "x" } }),
      TypeError,
      "lower-case",
    );
    await expectError(
      () => queue.send("x", { headers: "no" as never }),
      TypeError,
      "headers",
    );
    await expectError(() => queue.send("x", 7 as never), TypeError, "options");
    expect(queue.status().counters.sent).toBe(0);
  });

  test("numbers, times and signals of taking", async () => {
    const queue = queues.create();
    for (const max of [0, -1, 1.5, 2 ** 21]) {
      await expectError(() => queue.tryReceiveMany(max), RangeError, "max");
      await expectError(() => queue.receiveMany(max), RangeError, "max");
      await expectError(() => queue.tryReserveMany(max), RangeError, "max");
    }
    await expectError(
      () => queue.tryReceiveMany("1" as never),
      TypeError,
      "max",
    );
    for (const timeoutMs of [-1, Number.NaN]) {
      await expectError(
        () => queue.receive({ timeoutMs }),
        RangeError,
        "timeoutMs",
      );
      await expectError(
        () => queue.sendWait("x", { timeoutMs }),
        RangeError,
        "timeoutMs",
      );
      await expectError(
        () => queue.receiveSync(timeoutMs),
        RangeError,
        "timeoutMs",
      );
      await expectError(
        () => queue.request("x", { timeoutMs }),
        RangeError,
        "timeoutMs",
      );
    }
    await expectError(
      () => queue.receive({ timeoutMs: "1" as never }),
      TypeError,
      "timeoutMs",
    );
    await expectError(
      () => queue.receive({ signal: {} as never }),
      TypeError,
      "AbortSignal",
    );
    await expectError(
      () => queue.tryReserve({ leaseMs: 0 }),
      RangeError,
      "leaseMs",
    );
    await expectError(
      () => queue.reserve({ leaseMs: 2 ** 31 }),
      RangeError,
      "leaseMs",
    );
    await expectError(
      () => queue.consume({ prefetch: 0 }).next(),
      RangeError,
      "prefetch",
    );
    await expectError(
      () => queue.consume({ what: 1 } as never).next(),
      TypeError,
      "what",
    );
    await expectError(() => queue.peek(-1), RangeError, "limit");
    await expectError(() => queue.sweep("all" as never), RangeError, '"all"');
  });

  test("a job's options", async () => {
    const queue = queues.create();
    queue.send("x");
    const job = queue.tryReserve();
    if (job === null) throw new Error("no job");
    await expectError(() => job.nack({ delayMs: -1 }), RangeError, "delayMs");
    await expectError(() => job.touch(0), RangeError, "leaseMs");
    await expectError(() => job.bury(7 as never), TypeError, "note");
    await expectError(
      () => job.keepAlive({ maxStallMs: 0 }),
      RangeError,
      "maxStallMs",
    );
    await expectError(
      () => job.keepAlive({ maxProcessingMs: "1" as never }),
      TypeError,
      "maxProcessingMs",
    );
    await expectError(() => job.reply("x"), TypeError, "no request");
    job.ack();
  });
});
