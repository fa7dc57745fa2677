import {
  decodeHeaders,
  encodeHeaders,
  type MessageHeaders,
  WireMalformedError,
  WireTooLargeError,
  WireUnsupportedError,
  wireLimits,
} from "../../../src/wire/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { fromHex, joinBytes, toHex } from "../../support/wire_frames.ts";

describe("headers", () => {
  test("every header comes back as it was given", () => {
    const headers: MessageHeaders = {
      deadlineMs: 30_000,
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "a=1",
      idempotencyKey: "k",
      loadReport: {
        loadPermille: 750,
        activeRequests: 3,
        waitingRequests: 70_000,
      },
      contentType: "image/png",
      subject: "räume/1",
      replyTo: "r",
      correlation: "c",
      user: { a: "1", ä: "", ["__proto__"]: "harmless" },
    };
    const back = decodeHeaders(encodeHeaders(headers));
    expect(back).toEqual(headers);
    expect(Object.keys(back.user ?? {})).toContain("__proto__");
    expect(decodeHeaders(encodeHeaders({}))).toEqual({});
    expect(encodeHeaders({})).toHaveLength(0);
  });

  test("usual content types are one byte", () => {
    for (const [contentType, byte] of [
      ["application/json", "01"],
      ["application/vnd.msgpack", "02"],
      ["text/plain", "03"],
    ] as const) {
      expect(toHex(encodeHeaders({ contentType }))).toBe(`050001${byte}`);
      expect(decodeHeaders(fromHex(`050001${byte}`))).toEqual({ contentType });
    }
  });

  test("unknown headers are passed over, unless they must be understood", () => {
    expect(decodeHeaders(fromHex("7f 0002 0102  06 0001 78"))).toEqual({
      subject: "x",
    });
    expect(() => decodeHeaders(fromHex("80 0000"))).toThrow(
      WireUnsupportedError,
    );
  });

  test("a load report may be longer than it is now", () => {
    expect(
      decodeHeaders(fromHex("04 000b 0001 00000002 00000003 ff")).loadReport,
    ).toEqual({ loadPermille: 1, activeRequests: 2, waitingRequests: 3 });
  });

  test("blocks that cannot be are refused", () => {
    for (const hex of [
      "06",
      "06 00",
      "06 0002 78",
      "06 0001 ff",
      "06 0001 78  06 0001 78",
      "01 0003 000000",
      "04 0009 000000000000000000",
      "00",
      "00 00 0000",
      "00 02 61",
      "00 01 61",
      "00 01 61 0000  00 01 61 0000",
      "00 01 ff 0000",
    ])
      expect(() => decodeHeaders(fromHex(hex))).toThrow(WireMalformedError);
  });

  test("count and size are bounded on both sides", () => {
    const limits = wireLimits({ maxHeaderCount: 16, maxHeadersBytes: 1024 });
    const many = Object.fromEntries(
      Array.from({ length: 17 }, (_, index) => [`h${index}`, ""]),
    );
    expect(() => encodeHeaders({ user: many }, limits)).toThrow(
      "headers: given 17, allowed at most 16",
    );
    expect(() => decodeHeaders(encodeHeaders({ user: many }), limits)).toThrow(
      WireTooLargeError,
    );
    expect(() => encodeHeaders({ subject: "x".repeat(1022) }, limits)).toThrow(
      "headers: given 1025 bytes, allowed at most 1024",
    );
    expect(encodeHeaders({ subject: "x".repeat(1021) }, limits)).toHaveLength(
      1024,
    );
    // Unknown ones count too, or they would cost time without end.
    const unknown = joinBytes(
      ...Array.from({ length: 17 }, (_, index) =>
        Uint8Array.of(100 + index, 0, 0),
      ),
    );
    expect(() => decodeHeaders(unknown, limits)).toThrow(WireTooLargeError);
  });

  test("values out of range are refused", () => {
    for (const headers of [
      { deadlineMs: -1 },
      { deadlineMs: 2 ** 32 },
      {
        loadReport: {
          loadPermille: 65_536,
          activeRequests: 0,
          waitingRequests: 0,
        },
      },
      { user: { "": "x" } },
      { user: { ["n".repeat(256)]: "x" } },
    ])
      expect(() => encodeHeaders(headers)).toThrow(RangeError);
  });
});
