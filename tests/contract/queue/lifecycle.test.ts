import {
  existsSync,
  writeFileSync,
  mkdtempSync,
  rmSync,
  chmodSync,
  symlinkSync,
  readFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { join } from "node:path";
import {
  CreationFailedError,
  CrossProcessQueue,
  ForeignSegmentError,
  listQueues,
  LockFailedError,
  NotPermittedError,
  parsePlace,
  QueueClosedError,
  QueueCorruptError,
  QueueEndedError,
  QueueExistsError,
  QueueNotFoundError,
  SharedMemoryError,
  TooManyParticipantsError,
} from "../../../src/queue/mod.ts";
import { RingwireError } from "../../../src/base/errors.ts";
import { errorOf, queueFixture, until } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

describe("creating and connecting", () => {
  test("create takes a name once, ifExists connects instead", () => {
    const queue = queues.create();
    expect(() => CrossProcessQueue.create(queue.name)).toThrow(
      QueueExistsError,
    );
    queue.send("x");
    const same = CrossProcessQueue.create(queue.name, { ifExists: "connect" });
    expect(same.info.uuid).toBe(queue.info.uuid);
    expect(same.tryReceive()?.text()).toBe("x");
    same.close();
  });

  test("connect finds only what exists", () => {
    expect(() => CrossProcessQueue.connect(queues.name())).toThrow(
      QueueNotFoundError,
    );
    expect(CrossProcessQueue.destroy(queues.name())).toBe(false);
  });

  test("a destroyed name can be taken again, old handles stay with the old queue", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    const { name } = queue;
    const { uuid } = queue.info;
    expect(CrossProcessQueue.destroy(name)).toBe(true);
    expect(CrossProcessQueue.destroy(name)).toBe(false);
    const next = CrossProcessQueue.create(name);
    expect(next.info.uuid === uuid).toBe(false);
    expect(() => other.send("x")).toThrow(QueueClosedError);
    expect(() => other.tryReceive()).toThrow(QueueClosedError);
    expect(other.lifecycle()).toBe("closed");
    next.close();
  });

  test("info says what it was created with", () => {
    const queue = queues.create({
      maxMessages: 77,
      maxMessageSize: 1234,
      maxHeadersSize: 0,
      maxParticipants: 9,
      maxDead: 5,
      maxDeliver: 3,
      leaseMs: 4321,
    });
    const { info } = queues.connect(queue);
    expect(info.maxMessages).toBe(77);
    expect(info.maxMessageSize).toBe(1234);
    expect(info.maxHeadersSize).toBe(0);
    expect(info.maxParticipants).toBe(9);
    expect(info.maxDead).toBe(5);
    expect(info.maxDeliver).toBe(3);
    expect(info.leaseMs).toBe(4321);
    expect(info.journal).toBeNull();
    expect(info.uuid).toMatch(/^[0-9a-f]{32}$/);
    expect(info.path).toBe(parsePlace(queue.name).path);
    expect(info.participant).toBe(2);
    expect(Math.abs(info.createdMs - Date.now())).toBeLessThan(60_000);
  });

  test("participants have names and pids, and no more than maxParticipants", () => {
    const queue = queues.create({
      maxParticipants: 2,
      participantName: "first ü",
    });
    const other = queues.connect(queue, { participantName: "second" });
    expect(queue.status().participants.map(({ name }) => name)).toEqual([
      "first ü",
      "second",
    ]);
    expect(queue.status().participants[0]?.pid).toBe(process.pid);
    expect(() => queues.connect(queue)).toThrow(TooManyParticipantsError);
    other.close();
    queues.connect(queue, { participantName: "third" });
    expect(queue.status().participants.map(({ name }) => name)).toEqual([
      "first ü",
      "third",
    ]);
  });

  test("an observer looks but does not touch", () => {
    const queue = queues.create();
    queue.send("x");
    const observer = queues.connect(queue, { observe: true });
    expect(observer.info.participant).toBe(0);
    expect(observer.status().messageCount).toBe(1);
    expect([...observer.peek()].map((message) => message.text())).toEqual([
      "x",
    ]);
    for (const touch of [
      () => observer.send("y"),
      () => observer.tryReceive(),
      () => observer.tryReserve(),
    ])
      expect(touch).toThrow(SharedMemoryError);
    expect(queue.status().participants).toHaveLength(1);
  });

  test("foreign, cut, damaged and linked files are refused", () => {
    const { path } = parsePlace(queues.name());
    const name = path.slice(path.lastIndexOf("ringwire.") + "ringwire.".length);
    writeFileSync(path, "not a segment", { mode: 0o600 });
    expect(() => CrossProcessQueue.connect(name)).toThrow(ForeignSegmentError);
    expect(() => CrossProcessQueue.create(name)).toThrow(QueueExistsError);
    writeFileSync(path, new Uint8Array(100_000));
    expect(() => CrossProcessQueue.connect(name)).toThrow(ForeignSegmentError);
    rmSync(path);
    const queue = queues.create();
    symlinkSync(queue.info.path, path);
    expect(() => CrossProcessQueue.connect(name)).toThrow(NotPermittedError);
    rmSync(path);
    const header = readFileSync(queue.info.path);
    queue.close();
    header[100] = (header[100] ?? 0) ^ 1;
    writeFileSync(queue.info.path, header);
    expect(() => CrossProcessQueue.connect(queue.name)).toThrow(
      QueueCorruptError,
    );
    expect(CrossProcessQueue.destroy(queue.name)).toBe(true);
    expect(existsSync(queue.info.path)).toBe(false);
  });

  test("permission bits for others need to be wanted on both sides", () => {
    const name = queues.name();
    const queue = CrossProcessQueue.create(name, { mode: 0o660 });
    expect(() => CrossProcessQueue.connect(name)).toThrow(NotPermittedError);
    CrossProcessQueue.connect(name, { shared: true }).close();
    queue.close();
    chmodSync(parsePlace(name).path, 0o600);
    CrossProcessQueue.connect(name).close();
  });

  test("a queue on disk has a journal and keeps its messages", () => {
    const directory = mkdtempSync(join(tmpdir(), "ringwire-queue-"));
    try {
      const name = queues.own(`file:${directory}/jobs.queue`);
      const queue = CrossProcessQueue.create(name, { maxMessages: 100 });
      expect(queue.info.journal).toEqual({ sync: "process", intervalMs: 100 });
      queue.send("kept", { headers: { k: "v" } });
      queue.sync();
      queue.close();
      const again = CrossProcessQueue.connect(name);
      expect(again.tryReceive()?.headers.k).toBe("v");
      again.destroy();
      const sync = CrossProcessQueue.create(name, {
        maxMessages: 100,
        journal: { sync: "sync" },
      });
      sync.send("x");
      expect(sync.tryReceive()?.text()).toBe("x");
      expect(sync.info.journal?.sync).toBe("sync");
      sync.destroy();
      expect(() =>
        CrossProcessQueue.create(`file:${directory}/none/jobs.queue`),
      ).toThrow(CreationFailedError);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("the list has our queues, but no reply queues", () => {
    const queue = queues.create();
    const listing = listQueues().find(({ name }) => name === queue.name);
    expect(listing?.path).toBe(queue.info.path);
    expect(listing?.segmentBytes).toBe(queue.status().segmentBytes);
    expect(listing?.memoryBytes).toBeGreaterThan(0);
    CrossProcessQueue.create(queues.own("reply-listed-or-not")).close();
    expect(listQueues().some(({ name }) => name.startsWith("reply-"))).toBe(
      false,
    );
  });
});

describe("the end of a stream", () => {
  test("no more sends after the end; consumers leave when everything is settled", async () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    queue.sendMany(["a", "b"]);
    queue.end();
    expect(queue.lifecycle()).toBe("ended");
    expect(() => other.send("c")).toThrow(QueueEndedError);
    expect(() => other.trySend("c")).toThrow(QueueEndedError);
    expect(await errorOf(() => other.sendWait("c"))).toBeInstanceOf(
      QueueEndedError,
    );
    expect(() => queue.reopen()).toThrow(LockFailedError);
    const first = await other.reserve();
    expect((await other.receive())?.text()).toBe("b");
    const wait = other.receive({ timeoutMs: 5000 });
    expect(await queue.receive({ timeoutMs: 30 })).toBeNull();
    expect(queue.emptyReason).toBe("now");
    const startMs = performance.now();
    first?.ack();
    expect(await wait).toBeNull();
    expect(other.emptyReason).toBe("ended");
    // By the settlement, not by its own time.
    expect(performance.now() - startMs).toBeLessThan(4500);
  });

  test("reopen starts a new stream, also on create", () => {
    const queue = queues.create();
    queue.end();
    queue.reopen();
    expect(queue.lifecycle()).toBe("open");
    queue.send("x");
    expect(() =>
      CrossProcessQueue.create(queue.name, { reopen: true }),
    ).toThrow(QueueExistsError);
    queue.tryReceive();
    queue.end();
    const again = CrossProcessQueue.create(queue.name, { reopen: true });
    expect(again.lifecycle()).toBe("open");
    again.close();
  });

  test("consume ends with the stream", async () => {
    const queue = queues.create();
    const seen: string[] = [];
    const consuming = (async () => {
      for await (const job of queue.consume({ prefetch: 4 })) {
        seen.push(job.text());
        job.ack();
      }
    })();
    const other = queues.connect(queue);
    for (let index = 0; index < 10; index++) other.send(String(index));
    await until(() => seen.length === 10);
    other.send("last");
    other.end();
    await consuming;
    expect(seen.at(-1)).toBe("last");
  });
});

describe("consume", () => {
  test("untilEmpty leaves when there is nothing", async () => {
    const queue = queues.create();
    queue.sendMany(["a", "b", "c"]);
    const seen: string[] = [];
    for await (const job of queue.consume({ untilEmpty: true })) {
      seen.push(job.text());
      job.ack();
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("an unsettled job is given back, jobs taken ahead uncounted", async () => {
    const queue = queues.create();
    queue.sendMany(["a", "b", "c"]);
    for await (const job of queue.consume({ prefetch: 3 })) {
      expect(job.text()).toBe("a");
      break;
    }
    const attempts = queue
      .tryReserveMany(3)
      .map((job) => [job.text(), job.attempts]);
    expect(attempts.sort()).toEqual([
      ["a", 2],
      ["b", 1],
      ["c", 1],
    ]);
  });

  test("a failing body gives the job back and a signal ends the loop", async () => {
    const queue = queues.create();
    queue.send("x");
    const failure = new Error("body");
    const failed = await errorOf(async () => {
      for await (const _job of queue.consume()) throw failure;
    });
    expect(failed).toBe(failure);
    expect(queue.status().messageCount).toBe(1);
    const stop = new AbortController();
    const reason = new Error("stop");
    const stopped = await errorOf(async () => {
      for await (const job of queue.consume({ signal: stop.signal })) {
        job.ack();
        setTimeout(() => stop.abort(reason), 5);
      }
    });
    expect(stopped).toBe(reason);
  });
});

describe("streams", () => {
  test("readable gives messages when they are read and ends with the stream", async () => {
    const queue = queues.create();
    queue.sendMany(["a", "b", "c"]);
    const reader = queue.readable().getReader();
    expect((await reader.read()).value?.text()).toBe("a");
    expect(queue.status().messageCount).toBeGreaterThan(0);
    expect((await reader.read()).value?.text()).toBe("b");
    queue.end();
    expect((await reader.read()).value?.text()).toBe("c");
    expect((await reader.read()).done).toBe(true);
  });

  test("cancelling a readable ends its wait and takes nothing", async () => {
    const queue = queues.create();
    const reader = queue.readable().getReader();
    const read = reader.read();
    await reader.cancel("enough");
    expect((await read).done).toBe(true);
    queue.send("x");
    expect(queue.tryReceive()?.text()).toBe("x");
  });

  test("cancelling a readable in the turn in which it found a message loses nothing", async () => {
    const queue = queues.create();
    queue.send("x");
    const reader = queue.readable().getReader();
    // Only a stream that has started takes when it is read.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const read = reader.read();
    const cancelled = reader.cancel("enough");
    expect((await read).done).toBe(true);
    await cancelled;
    const job = await queue.reserve({ timeoutMs: 1000 });
    expect(job?.text()).toBe("x");
    expect(job?.attempts).toBe(1);
    job?.ack();
    expect(queue.status().usage).toBe(0);
  });

  test("a writable waits for room, so that a pipe is held back", async () => {
    const source = queues.create();
    const target = queues.create({ maxMessages: 2 });
    source.sendMany(Array.from({ length: 20 }, (_, index) => String(index)));
    source.end();
    const piping = source.readable().pipeTo(target.writable());
    const seen: string[] = [];
    while (seen.length < 20) {
      const message = await target.receive({ timeoutMs: 5000 });
      if (message === null) throw new Error("nothing came");
      seen.push(message.text());
    }
    await piping;
    expect(seen).toEqual(
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
  });
});

describe("closing", () => {
  test("every call on a closed handle fails with QueueClosedError", async () => {
    const queue = queues.create();
    queue.close();
    queue.close();
    queue[Symbol.dispose]();
    await queue[Symbol.asyncDispose]();
    queue.destroy();
    expect(queue.closed).toBe(true);
    const calls: (() => unknown)[] = [
      () => queue.send("x"),
      () => queue.trySend("x"),
      () => queue.sendValue("x"),
      () => queue.trySendValue("x"),
      () => queue.sendValueWait("x"),
      () => queue.sendMany(["x"]),
      () => queue.sendWait("x"),
      () => queue.sendSync("x", 10),
      () => queue.tryReceive(),
      () => queue.tryReceiveMany(2),
      () => queue.receiveSync(10),
      () => queue.receive(),
      () => queue.receiveAsyncWithTimeout(10),
      () => queue.receiveMany(2),
      () => queue.tryReserve(),
      () => queue.tryReserveMany(2),
      () => queue.reserveSync(10),
      () => queue.reserve(),
      () => queue.reserveMany(2),
      () => queue.reserveZeroCopy(),
      () => queue.consume().next(),
      () => queue.claim(10),
      () => queue.request("x"),
      () => [...queue.peek()],
      () => [...queue.deadLetters()],
      () => queue.status(),
      () => queue.lifecycle(),
      () => queue.paused,
      () => queue.end(),
      () => queue.reopen(),
      () => queue.pause(),
      () => queue.resume(),
      () => queue.sweep(),
      () => queue.watch(),
      () => queue.trim(),
      () => queue.sync(),
      () => queue.readable().getReader().read(),
      () => queue.writable().getWriter().write("x"),
    ];
    for (const call of calls) {
      const error = await errorOf(call);
      expect(`${call}: ${(error as RingwireError | undefined)?.code}`).toBe(
        `${call}: QueueClosed`,
      );
    }
    expect(queue.name).toBe(queue.info.name);
  });

  test("the error has a stable code, the queue's name and the root class", async () => {
    const name = queues.name();
    const error = await errorOf(() => CrossProcessQueue.connect(name));
    expect(error).toBeInstanceOf(RingwireError);
    expect(error).toBeInstanceOf(SharedMemoryError);
    const { code, retryable, queue, message } = error as SharedMemoryError;
    expect(code).toBe("QueueNotFound");
    expect(retryable).toBe(false);
    expect(queue).toBe(name);
    expect(message).toContain(name);
  });
});
