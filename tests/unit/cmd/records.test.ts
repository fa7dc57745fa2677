import {
  escapeControls,
  formatRecord,
  type RecordStyle,
  type ShownMessage,
} from "../../../cmd/records/records.ts";
import { describe, expect, test } from "../../support/testing.ts";

const raw: RecordStyle = { format: "raw", framing: "line", terminal: false };
const jsonl: RecordStyle = {
  format: "jsonl",
  framing: "line",
  terminal: false,
};

function message(
  body: string | Uint8Array,
  more: Partial<ShownMessage> = {},
): ShownMessage {
  const data = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return {
    id: 7n,
    data,
    headers: {},
    attempts: 1,
    timestamp: 1000,
    priority: "normal",
    ...more,
  };
}

function show(shown: ShownMessage, style: RecordStyle): string {
  return new TextDecoder().decode(formatRecord(shown, style));
}

describe("records", () => {
  test("raw - is the body itself, whatever its bytes", () => {
    const data = Uint8Array.of(0, 255, 10, 128);
    expect([...formatRecord(message(data), raw)]).toEqual([0, 255, 10, 128]);
    expect([
      ...formatRecord(message(data), { ...raw, format: "text" }),
    ]).toEqual([0, 255, 10, 128]);
  });

  test("text - escapes control characters on a terminal only", () => {
    expect(
      show(message("\u001b[31mred\n"), {
        ...raw,
        format: "text",
        terminal: true,
      }),
    ).toBe("\\x1b[31mred\n");
    expect(escapeControls("tab\tline\nbell\u0007")).toBe(
      "tab\tline\nbell\\x07",
    );
  });

  test("jsonl - has what is known about the message on one line", () => {
    const line = show(
      message("hi", { headers: { a: "b" }, attempts: 2 }),
      jsonl,
    );
    expect(JSON.parse(line)).toEqual({
      id: 7,
      priority: "normal",
      attempts: 2,
      enqueued_ms: 1000,
      headers: { a: "b" },
      data: "hi",
    });
    expect(line.includes("\n")).toBe(false);
  });

  test("jsonl - embeds objects and arrays, and keeps numbers as their digits", () => {
    expect(JSON.parse(show(message('{"t":\n 81}'), jsonl)).data).toEqual({
      t: 81,
    });
    expect(show(message("[1,\r\n2]"), jsonl).includes("\n")).toBe(false);
    expect(JSON.parse(show(message("12345678901234567890"), jsonl)).data).toBe(
      "12345678901234567890",
    );
    expect(JSON.parse(show(message("{broken"), jsonl)).data).toBe("{broken");
  });

  test("jsonl - gives bytes that are not UTF-8 as data_base64", () => {
    const parsed = JSON.parse(
      show(message(Uint8Array.of(0xff, 0, 0x80)), jsonl),
    );
    expect(parsed.data).toBe(undefined);
    expect([...Buffer.from(parsed.data_base64, "base64")]).toEqual([
      0xff, 0, 0x80,
    ]);
  });

  test("jsonl - keeps a byte order mark and NUL", () => {
    expect(JSON.parse(show(message("\ufeffa\0"), jsonl)).data).toBe(
      "\ufeffa\0",
    );
  });

  test("jsonl framing of bodies - every line is JSON", () => {
    const style: RecordStyle = { ...raw, framing: "jsonl" };
    expect(show(message('{"a":1}'), style)).toBe('{"a":1}');
    expect(show(message("plain"), style)).toBe('"plain"');
    expect(show(message(Uint8Array.of(0xff)), style)).toBe(
      '{"data_base64":"/w=="}',
    );
  });
});
