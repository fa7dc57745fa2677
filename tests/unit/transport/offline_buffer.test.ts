import {
  OfflineBuffer,
  type WaitingMessage,
} from "../../../src/transport/client/offline_buffer.ts";
import { describe, expect, test } from "../../support/testing.ts";

interface Named extends WaitingMessage {
  readonly name: string;
}

const message = (name: string, sizeBytes = 10): Named => ({
  name,
  sizeBytes,
  dropped() {},
});
const names = (messages: readonly Named[]) => messages.map(({ name }) => name);

describe("the offline buffer", () => {
  test("gives back what it was given, in order", () => {
    const buffer = new OfflineBuffer<Named>({ maxBytes: 1e6, maxAgeMs: 1000 });
    for (let index = 0; index < 500; index++) buffer.push(message(`${index}`));
    expect(buffer.count).toBe(500);
    expect(buffer.sizeBytes).toBe(5000);
    for (let index = 0; index < 500; index++) {
      expect(buffer.peek()?.name).toBe(`${index}`);
      expect(buffer.shift()?.name).toBe(`${index}`);
    }
    expect(buffer.shift()).toBe(undefined);
    expect(buffer.count).toBe(0);
    expect(buffer.sizeBytes).toBe(0);
  });

  test("takes no byte more than it may", () => {
    const buffer = new OfflineBuffer<Named>({ maxBytes: 25, maxAgeMs: 1000 });
    expect(buffer.push(message("a"))).toBe(true);
    expect(buffer.push(message("b", 15))).toBe(true);
    expect(buffer.push(message("c", 1))).toBe(false);
    buffer.shift();
    expect(buffer.push(message("d", 11))).toBe(false);
    expect(buffer.push(message("e", 10))).toBe(true);
    expect(buffer.sizeBytes).toBe(25);
  });

  test("gives up what is too old, and nothing else", () => {
    let nowMs = 0;
    const buffer = new OfflineBuffer<Named>(
      { maxBytes: 1000, maxAgeMs: 100 },
      () => nowMs,
    );
    expect(buffer.dueMs).toBe(Number.POSITIVE_INFINITY);
    buffer.push(message("a"));
    nowMs = 60;
    buffer.push(message("b"));
    expect(buffer.dueMs).toBe(100);
    nowMs = 99;
    expect(names(buffer.expire())).toEqual([]);
    nowMs = 100;
    expect(names(buffer.expire())).toEqual(["a"]);
    expect(buffer.dueMs).toBe(160);
    expect(buffer.sizeBytes).toBe(10);
    nowMs = 1000;
    expect(names(buffer.expire())).toEqual(["b"]);
    expect(buffer.count).toBe(0);
  });

  test("lets go of one in the middle, and of all", () => {
    const buffer = new OfflineBuffer<Named>({ maxBytes: 1000, maxAgeMs: 100 });
    const [a, b, c] = [message("a"), message("b"), message("c")] as const;
    for (const each of [a, b, c]) buffer.push(each);
    buffer.shift();
    expect(buffer.remove(a)).toBe(false);
    expect(buffer.remove(c)).toBe(true);
    expect(buffer.remove(c)).toBe(false);
    expect(buffer.sizeBytes).toBe(10);
    expect(names(buffer.clear())).toEqual(["b"]);
    expect(buffer.sizeBytes).toBe(0);
    expect(buffer.push(message("d"))).toBe(true);
    expect(buffer.shift()?.name).toBe("d");
  });
});
