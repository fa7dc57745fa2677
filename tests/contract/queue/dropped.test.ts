/** What is dropped is given back: jobs, views, claims, and jobs that are renewed. */
import { setWarningSink } from "../../../src/base/warnings.ts";
import { LeaseLostError } from "../../../src/queue/mod.ts";
import { queueFixture, until } from "../../support/queue_fixture.ts";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import { collectUntil, collector } from "./garbage.ts";

const queues = queueFixture();
const many = 50;
/** The stack may still hold one or another of them. */
const left = 10;

const lines: string[] = [];
let before: ReturnType<typeof setWarningSink>;
beforeEach(() => {
  lines.length = 0;
  before = setWarningSink((line) => lines.push(line));
});
afterEach(() => {
  setWarningSink(before);
});

/** Does it so often, in a scope of its own, from which nothing is kept. */
function drop(make: () => unknown): void {
  for (let index = 0; index < many; index++) make();
}

function warned(what: string): number {
  return lines.filter((line) => line.includes(what)).length;
}

// Without a collector there is nothing to be seen.
if (collector() !== undefined) {
  describe("dropped", () => {
    test("a job is given back with a warning", async () => {
      const queue = queues.create();
      drop(() => queue.send("x"));
      drop(() => queue.tryReserve());
      await collectUntil(() => queue.status().leased <= left);
      expect(queue.status().leased).toBeLessThanOrEqual(left);
      expect(warned("dropped unsettled")).toBeGreaterThanOrEqual(many - left);
    });

    test("a zero-copy job is given back, and its view too", async () => {
      const queue = queues.create();
      drop(() => queue.send("some bytes"));
      drop(() => queue.reserveZeroCopy()?.data.byteLength);
      await collectUntil(() => queue.status().leased <= left);
      expect(queue.status().leased).toBeLessThanOrEqual(left);
      expect(warned("dropped unsettled")).toBeGreaterThanOrEqual(many - left);
    });

    test("a zero-copy job and a claim whose buffer is reused are given back as well", async () => {
      const queue = queues.create();
      drop(() => queue.send("some bytes"));
      drop(() => queue.reserveZeroCopy({ reuse: true })?.data.byteLength);
      drop(() => queue.claim(100, { reuse: true }).bytes.fill(1));
      await collectUntil(
        () =>
          queue.status().leased <= left && queue.status().inProgress <= left,
      );
      expect(queue.status().leased).toBeLessThanOrEqual(left);
      expect(queue.status().inProgress).toBeLessThanOrEqual(left);
      expect(warned("dropped unsettled")).toBeGreaterThanOrEqual(many - left);
      expect(warned("it was aborted")).toBeGreaterThanOrEqual(many - left);
    });

    test("a zero-copy job is out as long as a part of its bytes is held", async () => {
      const queue = queues.create();
      queue.send("some bytes");
      const part = ((): Uint8Array | undefined =>
        queue.reserveZeroCopy()?.data.subarray(5))();
      for (let round = 0; round < 10; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        collector()?.();
      }
      expect(queue.status().leased).toBe(1);
      expect(new TextDecoder().decode(part)).toBe("bytes");
    });

    test("a claim is aborted with a warning", async () => {
      const queue = queues.create();
      drop(() => queue.claim(100).bytes.fill(1));
      await collectUntil(() => queue.status().inProgress <= left);
      expect(queue.status().inProgress).toBeLessThanOrEqual(left);
      expect(warned("it was aborted")).toBeGreaterThanOrEqual(many - left);
    });

    test("a job that is renewed is given back and renewed no more", async () => {
      const queue = queues.create();
      drop(() => queue.send("x"));
      drop(() => queue.tryReserve({ leaseMs: 60_000 })?.keepAlive());
      await collectUntil(() => queue.status().leased <= left);
      expect(queue.status().leased).toBeLessThanOrEqual(left);
      expect(warned("dropped unsettled")).toBeGreaterThanOrEqual(many - left);
    });

    test("a job with a signal that listens to it is given back", async () => {
      const queue = queues.create();
      drop(() => queue.send("x"));
      drop(() => {
        const job = queue.tryReserve();
        job?.signal.addEventListener("abort", () => job.settled);
      });
      await collectUntil(() => queue.status().leased <= left);
      expect(queue.status().leased).toBeLessThanOrEqual(left);
    });

    test("who holds the signal alone still hears that the lease is lost", async () => {
      const queue = queues.create();
      queue.send("x");
      const signal = ((): AbortSignal | undefined => {
        const job = queue.tryReserve({ leaseMs: 400 });
        return job?.signal;
      })();
      for (let round = 0; round < 10; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        collector()?.();
      }
      expect(queue.status().leased).toBe(1);
      const again = await queue.reserve({ timeoutMs: 3000 });
      await until(() => signal?.aborted === true);
      expect(signal?.reason).toBeInstanceOf(LeaseLostError);
      again?.ack();
      expect(lines).toEqual([]);
    });
  });
}
