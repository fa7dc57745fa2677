/** The part of the contract suite about bytes, back-pressure and closing. */
import { ConnectionClosedError } from "../../src/transport/errors.ts";
import { patternBytes } from "./byte_pattern.ts";
import { SeededRandom } from "./seeded_random.ts";
import { describe, expect, test } from "./testing.ts";
import {
  firstDifference,
  type Recorder,
  type TransportTrials,
} from "./transport_fixture.ts";
import { pause, until } from "./waiting.ts";

const mebibyte = 2 ** 20;
/** What the buffers of both systems and both runtimes may hold together when nobody reads. */
const heldBytesMax = 40 * mebibyte;

/** Fills a connection until it takes no more for a while. @returns bytes taken */
async function fill(writer: Recorder): Promise<number> {
  const block = patternBytes(mebibyte);
  let taken = 0;
  let changedAtMs = performance.now();
  while (performance.now() - changedAtMs < 400) {
    const from = taken % block.length;
    const now = writer.connection.write(block, from);
    taken += now;
    if (now > 0) changedAtMs = performance.now();
    if (taken > 2 * heldBytesMax) return taken;
    if (now < block.length - from) await pause(5);
  }
  return taken;
}

/** Registers it. */
export function streamsContract(trials: TransportTrials): void {
  const { fixture } = trials;
  describe(`${fixture.scheme}: bytes`, () => {
    test(
      "go both ways exactly, in writes of any size",
      async () => {
        const { client, server } = await trials.pair();
        const random = new SeededRandom(7);
        const write = async (writer: Recorder, bytes: Uint8Array) => {
          let from = 0;
          while (from < bytes.length) {
            const size = random.oneIn(4)
              ? random.below(300_000)
              : random.below(300);
            await writer.send(bytes.subarray(from, from + size));
            from += size;
          }
        };
        const there = patternBytes(3 * mebibyte);
        const back = patternBytes(2 * mebibyte, 12_345);
        await Promise.all([write(client, there), write(server, back)]);
        await until("all there", () => server.receivedBytes >= there.length);
        await until("all back", () => client.receivedBytes >= back.length);
        expect(firstDifference(server.bytes(), there)).toBe(-1);
        expect(firstDifference(client.bytes(), back)).toBe(-1);
      },
      { timeoutMs: 30_000 },
    );

    test(
      "belong to the caller again when write returns",
      async () => {
        const { client, server } = await trials.pair();
        const expected = patternBytes(mebibyte);
        const memory = new Uint8Array(10_000);
        for (let from = 0; from < expected.length;) {
          memory.set(expected.subarray(from, from + memory.length));
          const seen = client.drains;
          const size = Math.min(memory.length, expected.length - from);
          const taken = client.connection.write(memory, 0, size);
          memory.fill(0xee);
          from += taken;
          if (taken < size) await until("drain", () => client.drains > seen);
        }
        await until(
          "all there",
          () => server.receivedBytes === expected.length,
        );
        expect(firstDifference(server.bytes(), expected)).toBe(-1);
      },
      { timeoutMs: 30_000 },
    );

    test(
      "64 MiB pass a slow reader: the sender is stopped meanwhile, and nothing is lost",
      async () => {
        const { client, server } = await trials.pair();
        const total = 64 * mebibyte;
        const block = patternBytes(mebibyte);
        server.connection.pause();
        let wrong = -1;
        let position = 0;
        server.onData = (chunk) => {
          for (let index = 0; index < chunk.length;) {
            const at = (position + index) % block.length;
            const size = Math.min(chunk.length - index, block.length - at);
            if (
              wrong < 0 &&
              Buffer.compare(
                chunk.subarray(index, index + size),
                block.subarray(at, at + size),
              ) !== 0
            )
              wrong = position + index;
            index += size;
          }
          position += chunk.length;
          // A slow reader: it stops again and again.
          if (Math.floor(position / mebibyte) % 8 === 7) {
            server.connection.pause();
            setTimeout(() => server.connection.resume(), 5);
          }
        };
        const rssBefore = process.memoryUsage().rss;
        let sent = await fill(client);
        const heldBytes = sent;
        expect(server.receivedBytes).toBeLessThan(heldBytesMax);
        expect(heldBytes).toBeLessThan(heldBytesMax);
        expect(client.connection.queuedBytes).toBeLessThanOrEqual(262_144);
        server.connection.resume();
        while (sent < total) {
          const seen = client.drains;
          const from = sent % block.length;
          const to = Math.min(block.length, from + total - sent);
          const taken = client.connection.write(block, from, to);
          sent += taken;
          if (taken < to - from)
            await until("drain", () => client.drains > seen);
        }
        await until("all there", () => position === total);
        expect(wrong).toBe(-1);
        expect(process.memoryUsage().rss - rssBefore).toBeLessThan(
          3 * heldBytesMax,
        );
        expect(client.connection.statistics.shortWrites).toBeGreaterThan(0);
      },
      { timeoutMs: 60_000 },
    );

    test(
      "a reader that stops stops the sender, at the connecting side too",
      async () => {
        const { client, server } = await trials.pair();
        expect(client.connection.canPause).toBe(true);
        client.connection.pause();
        const heldBytes = await fill(server);
        expect(heldBytes).toBeLessThan(heldBytesMax);
        expect(client.receivedBytes).toBeLessThan(heldBytesMax);
        client.connection.resume();
        await until("all there", () => client.receivedBytes === heldBytes);
      },
      { timeoutMs: 20_000 },
    );

    test(
      "drain comes only after a write that took less than all, and once",
      async () => {
        const { client, server } = await trials.pair();
        client.connection.write(new Uint8Array(10));
        await until("there", () => server.receivedBytes === 10);
        expect(client.drains).toBe(0);
        server.connection.pause();
        await fill(client);
        const before = client.drains;
        server.connection.resume();
        await until("drained", () => client.drains > before);
        await pause(100);
        expect(client.drains).toBe(before + 1);
        // Writes that are taken as a whole do not make it come again.
        for (let count = 0; count < 5; count++) {
          const due = server.receivedBytes + 10;
          expect(client.connection.write(new Uint8Array(10))).toBe(10);
          await until("there", () => server.receivedBytes >= due);
        }
        await pause(50);
        expect(client.drains).toBe(before + 1);
      },
      { timeoutMs: 20_000 },
    );
  });

  describe(`${fixture.scheme}: closing`, () => {
    test(
      "delivers everything that was taken, to a reader that has not begun",
      async () => {
        const { client, server } = await trials.pair();
        server.connection.pause();
        const taken = await fill(client);
        const closing = client.connection.close(1000, "done");
        await pause(50);
        server.connection.resume();
        const reason = await closing;
        expect(reason.kind).toBe("local");
        expect(reason.reason).toBe("done");
        expect(reason.unsentBytes).toBe(0);
        expect(reason.error).toBe(undefined);
        expect((await server.whenClosed()).kind).toBe("peer");
        expect(server.receivedBytes).toBe(taken);
        const block = patternBytes(mebibyte);
        const expected = new Uint8Array(taken);
        for (let at = 0; at < taken; at += block.length)
          expected.set(block.subarray(0, taken - at), at);
        expect(firstDifference(server.bytes(), expected)).toBe(-1);
      },
      { timeoutMs: 20_000 },
    );

    test("delivers what the other side has written before, while both close", async () => {
      const { client, server } = await trials.pair();
      client.connection.write(patternBytes(1000));
      server.connection.write(patternBytes(500));
      await until("there", () => server.receivedBytes === 1000);
      await until("back", () => client.receivedBytes === 500);
      const reasons = await Promise.all([
        client.connection.close(),
        server.connection.close(),
      ]);
      for (const reason of reasons)
        expect(["local", "peer"]).toContain(reason.kind);
    });

    test(
      "is seen through although reading was paused",
      async () => {
        const { client, server } = await trials.pair({
          connect: { closeTimeoutMs: 20_000 },
        });
        client.connection.pause();
        await fill(server);
        const beganAtMs = performance.now();
        const reason = await client.connection.close();
        expect(reason.kind).toBe("local");
        expect(performance.now() - beganAtMs).toBeLessThan(10_000);
        await server.whenClosed();
      },
      { timeoutMs: 30_000 },
    );

    test("throws away what still comes", async () => {
      const { client, server } = await trials.pair();
      const answer = patternBytes(100_000);
      server.onData = () => {
        server.connection.write(answer);
      };
      client.connection.write(new Uint8Array(1));
      const reason = await client.connection.close();
      expect(reason.kind).toBe("local");
      expect(server.receivedBytes).toBe(1);
      expect(server.connection.statistics.bytesSent).toBeGreaterThan(0);
      expect(client.receivedBytes).toBe(0);
    });

    test("is idempotent, and the last event comes once", async () => {
      const { client, server } = await trials.pair();
      const first = client.connection.close(1000, "first");
      const second = client.connection.close(1000, "second");
      const reason = await first;
      expect(await second).toBe(reason);
      expect(reason.reason).toBe("first");
      expect(client.connection.closeReason).toBe(reason);
      client.connection.abort();
      expect(await client.connection.close()).toBe(reason);
      await server.whenClosed();
      await pause(50);
      expect([client.closedCalls, server.closedCalls]).toEqual([1, 1]);
    });

    test("makes writes a typed error, and the state closed", async () => {
      const { client } = await trials.pair();
      expect(client.connection.state).toBe("open");
      const closing = client.connection.close();
      expect(client.connection.state).toBe("closing");
      const write = () => client.connection.write(new Uint8Array(1));
      expect(write).toThrow(ConnectionClosedError);
      await closing;
      expect(client.connection.state).toBe("closed");
      expect(write).toThrow(ConnectionClosedError);
    });

    test(
      "is bounded when the peer never reads",
      async () => {
        const { client, server } = await trials.pair({
          connect: { closeTimeoutMs: 300 },
        });
        server.connection.pause();
        await fill(client);
        const beganAtMs = performance.now();
        const reason = await client.connection.close();
        expect(performance.now() - beganAtMs).toBeLessThan(5000);
        // Where nothing is queued here, everything is with the system.
        expect(reason.kind).toBe(reason.unsentBytes > 0 ? "aborted" : "local");
      },
      { timeoutMs: 20_000 },
    );

    test("by abort ends at once, and the peer hears of it", async () => {
      const { client, server } = await trials.pair();
      client.connection.abort("enough");
      expect(client.connection.state).toBe("closed");
      const reason = await client.whenClosed();
      expect([reason.kind, reason.reason]).toEqual(["aborted", "enough"]);
      expect(["peer", "reset"]).toContain((await server.whenClosed()).kind);
    });

    test("from within the handler is allowed", async () => {
      const { client, server } = await trials.pair();
      server.onData = () => server.connection.abort();
      client.connection.write(new Uint8Array(1));
      expect((await server.whenClosed()).kind).toBe("aborted");
      await client.whenClosed();
    });
  });
}
