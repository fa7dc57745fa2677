import { CommandFailure } from "../../../cmd/command_line/exit_codes.ts";
import {
  type Framing,
  frameRecords,
  framings,
  RecordReader,
  RecordRefused,
} from "../../../cmd/records/framing.ts";
import { describe, expect, test } from "../../support/testing.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string =>
  new TextDecoder("latin1").decode(bytes);

/** Reads a stream that arrives in chunks of the given size. */
function read(
  framing: Framing,
  stream: Uint8Array,
  chunkBytes: number,
  recordBytesMax = 1000,
): Uint8Array[] {
  const reader = new RecordReader(framing, recordBytesMax);
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < stream.byteLength; offset += chunkBytes) {
    records.push(...reader.push(stream.slice(offset, offset + chunkBytes)));
  }
  return [...records, ...reader.end()];
}

describe("framing", () => {
  const bodies = [
    "",
    "a",
    "hello world",
    "{}",
    "\u00ff\u00fe binary",
    "x".repeat(300),
  ].map((text) =>
    Uint8Array.from(text, (character) => character.charCodeAt(0)),
  );

  for (const framing of ["line", "nul", "len32"] as const) {
    test(`${framing} - gives back what was framed, however the stream is cut`, () => {
      const { bytes } = frameRecords(bodies, framing);
      for (const chunkBytes of [1, 2, 3, 7, 64, 10_000]) {
        expect(read(framing, bytes, chunkBytes).map(decode)).toEqual(
          bodies.map(decode),
        );
      }
    });
  }

  test("len32 - carries line feeds and NUL unharmed", () => {
    const body = Uint8Array.from({ length: 256 }, (_, index) => index);
    const { bytes } = frameRecords([body, body], "len32");
    expect(read("len32", bytes, 11).map(decode)).toEqual([
      decode(body),
      decode(body),
    ]);
  });

  test("line - a last line without a line feed is a record, an empty line too", () => {
    expect(read("line", encode("a\n\nb"), 2).map(decode)).toEqual([
      "a",
      "",
      "b",
    ]);
    expect(read("line", encode("a\n"), 2).map(decode)).toEqual(["a"]);
    expect(read("line", encode(""), 2)).toEqual([]);
  });

  test("line - a carriage return belongs to the record", () => {
    expect(read("line", encode("a\r\nb\r\n"), 100).map(decode)).toEqual([
      "a\r",
      "b\r",
    ]);
  });

  test("raw - all of the stream is one record, also when it is empty", () => {
    expect(read("raw", encode("a\nb\0c"), 2).map(decode)).toEqual(["a\nb\0c"]);
    expect(read("raw", encode(""), 2).map(decode)).toEqual([""]);
  });

  test("jsonl - keeps the bytes of each line and passes over blank ones", () => {
    expect(read("jsonl", encode('{"a": 1.0}\n\n[2]\n'), 5).map(decode)).toEqual(
      ['{"a": 1.0}', "[2]"],
    );
  });

  test("jsonl - refuses what is not JSON, with the records before it", () => {
    const reader = new RecordReader("jsonl", 100);
    let refused: unknown;
    try {
      reader.push(encode("1\n2\nnope\n3\n"));
    } catch (error) {
      refused = error;
    }
    expect(refused instanceof RecordRefused).toBe(true);
    if (!(refused instanceof RecordRefused)) return;
    expect(refused.exitCode).toBe(6);
    expect(refused.message.includes("record 3")).toBe(true);
    expect(refused.taken.map(decode)).toEqual(["1", "2"]);
  });

  test("every framing - accepts a record of exactly the limit and refuses one byte more", () => {
    for (const framing of framings) {
      const exact =
        framing === "jsonl"
          ? encode(`"${"x".repeat(8)}"`)
          : encode("x".repeat(10));
      const over =
        framing === "jsonl"
          ? encode(`"${"x".repeat(9)}"`)
          : encode("x".repeat(11));
      const framed = (record: Uint8Array): Uint8Array =>
        frameRecords([record], framing).bytes;
      for (const chunkBytes of [1, 4, 100]) {
        expect(
          read(framing, framed(exact), chunkBytes, 10).map(decode),
        ).toEqual([decode(exact)]);
        expect(() => read(framing, framed(over), chunkBytes, 10)).toThrow(
          CommandFailure,
        );
      }
    }
  });

  test("line - refuses an endless record before its end", () => {
    const reader = new RecordReader("line", 1000);
    expect(() => {
      for (let round = 0; round < 100; round++)
        reader.push(encode("x".repeat(100)));
    }).toThrow(CommandFailure);
  });

  test("len32 - refuses a stream that ends within a record", () => {
    expect(() => read("len32", Uint8Array.of(0, 0, 0, 5, 1, 2), 100)).toThrow(
      CommandFailure,
    );
    expect(() => read("len32", Uint8Array.of(0, 0), 100)).toThrow(
      CommandFailure,
    );
  });

  test("frameRecords - says where each record ends", () => {
    const { bytes, ends } = frameRecords([encode("a"), encode("bc")], "line");
    expect(decode(bytes)).toBe("a\nbc\n");
    expect([...ends]).toEqual([2, 5]);
    expect(decode(frameRecords([encode("a"), encode("b")], "raw").bytes)).toBe(
      "ab",
    );
  });
});
