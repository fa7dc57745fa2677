import { WriteQueue } from "../../../src/transport/protocols/write_queue.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("queue of bytes to write", () => {
  test("gives what it took in order, whatever the sizes of writes", () => {
    const limitBytes = 10_000;
    const queue = new WriteQueue(limitBytes);
    const random = new SeededRandom(3);
    const given = patternBytes(300_000);
    const out: Uint8Array[] = [];
    let taken = 0;
    let outBytes = 0;
    let flying = new Uint8Array(0) as Uint8Array;
    while (outBytes < given.length) {
      const size = random.below(6000);
      const to = Math.min(given.length, taken + size);
      const chunk = given.slice(taken, to);
      const now = queue.take(chunk, 0, chunk.length);
      expect(now).toBe(Math.min(chunk.length, limitBytes - (taken - outBytes)));
      // The caller's memory is the caller's again.
      chunk.fill(0xee);
      taken += now;
      expect(queue.queuedBytes).toBe(taken - outBytes);
      if (flying.length === 0) flying = queue.begin();
      if (flying.length === 0) continue;
      const written = 1 + random.below(flying.length);
      out.push(flying.slice(0, written));
      outBytes += written;
      flying = queue.wrote(written);
    }
    expect(queue.queuedBytes).toBe(0);
    expect(Buffer.compare(Buffer.concat(out), given)).toBe(0);
  });

  test("takes a part of a chunk, and nothing when it is full", () => {
    const queue = new WriteQueue(4096);
    expect(queue.take(patternBytes(5000), 10, 5000)).toBe(4096);
    expect(queue.take(patternBytes(10), 0, 10)).toBe(0);
    const bytes = queue.begin();
    expect(Buffer.compare(bytes, patternBytes(4106).subarray(10))).toBe(0);
    expect(queue.take(patternBytes(10), 0, 10)).toBe(0);
    queue.wrote(4000);
    expect(queue.take(patternBytes(200), 0, 200)).toBe(200);
    expect(queue.take(new Uint8Array(4000), 0, 4000)).toBe(3800);
  });
});
