import { beanstalkReplyEnd } from "../../../bench/peers/beanstalkd.ts";
import {
  redisReplyEnd,
  redisRequest,
  streamEntries,
} from "../../../bench/peers/redis_streams.ts";
import { Frames, frame } from "../../../bench/peers/unix_socket.ts";
import { stampedBody, stampOf } from "../../../bench/programs/stamps.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Every proper beginning of a reply must count as not whole. */
function endsOnlyAtItsEnd(
  end: (text: string, at: number) => number,
  reply: string,
): void {
  for (let length = 0; length < reply.length; length++)
    expect(end(`x${reply.slice(0, length)}`, 1)).toBe(-1);
  expect(end(`x${reply}+OK\r\n`, 1)).toBe(1 + reply.length);
}

describe("the peers' protocols", () => {
  const body = "b".repeat(64);
  const item = (id: string) =>
    `*2\r\n$${id.length}\r\n${id}\r\n*2\r\n$1\r\nb\r\n$64\r\n${body}\r\n`;
  const read = `*1\r\n*2\r\n$4\r\njobs\r\n*2\r\n${item("1-0")}${item("1-1")}`;
  const claimed = `*3\r\n$3\r\n0-0\r\n*1\r\n${item("7-3")}*0\r\n`;

  for (const [name, reply] of [
    ["a status", "+OK\r\n"],
    ["no value", "*-1\r\n"],
    ["a number", ":100\r\n"],
    ["what XREADGROUP gives", read],
    ["what XAUTOCLAIM gives", claimed],
  ] as const) {
    test(`Redis: ${name} ends where it ends, and not before`, () => {
      endsOnlyAtItsEnd(redisReplyEnd, reply);
    });
  }

  test("Redis: entries are found in what was read and in what was claimed", () => {
    expect(streamEntries(read)).toEqual([
      { id: "1-0", body },
      { id: "1-1", body },
    ]);
    expect(streamEntries(claimed)).toEqual([{ id: "7-3", body }]);
    expect(streamEntries("*-1\r\n")).toEqual([]);
  });

  test("Redis: a request is an array of words with their lengths", () => {
    expect(redisRequest("XLEN", "jobs")).toBe(
      "*2\r\n$4\r\nXLEN\r\n$4\r\njobs\r\n",
    );
  });

  for (const reply of [
    "INSERTED 12\r\n",
    "TIMED_OUT\r\n",
    `RESERVED 7 64\r\n${body}\r\n`,
  ]) {
    test(`beanstalkd: ${reply.split("\r")[0]} ends where it ends, and not before`, () => {
      endsOnlyAtItsEnd(beanstalkReplyEnd, reply);
    });
  }

  test("messages on a stream come out whole wherever it is cut", () => {
    const bodies = ["", "a", "bc".repeat(100), "d"];
    const bytes = frame(bodies);
    for (let cut = 0; cut <= bytes.byteLength; cut++) {
      const found: string[] = [];
      const frames = new Frames();
      for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)])
        frames.add(chunk, (each) => {
          found.push(new TextDecoder().decode(each));
        });
      expect(found).toEqual(bodies);
    }
  });

  test("a body says when it was sent, to a thousandth of a microsecond", () => {
    const stamped = stampedBody(123_456_789_012.345);
    expect(stamped).toHaveLength(64);
    expect(stampOf(stamped)).toBe(123_456_789_012.345);
    expect(stampOf(new TextEncoder().encode(stamped))).toBe(
      123_456_789_012.345,
    );
  });
});
