import {
  CloseCode,
  Compression,
  decodeCredit,
  decodeErrorBody,
  decodeFin,
  decodeGoodbye,
  decodeHello,
  encodeErrorBody,
  encodeFin,
  encodeGoodbye,
  encodeHello,
  firstSequence,
  mayConnectAgain,
  negotiateCompression,
  negotiateVersion,
  writeCredit,
  WireMalformedError,
  WireTooLargeError,
  WireUnsupportedError,
  WireVersionError,
  wireLimits,
} from "../../../src/wire/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { fromHex, joinBytes, thrownBy } from "../../support/wire_frames.ts";

const limits = wireLimits({ maxMessageBytes: 65_536 });
const versions = fromHex("0001 0001 01  0002 0001 01");

describe("hello", () => {
  test("every field comes back as it was given", () => {
    const hello = {
      version: { min: 1, max: 3 },
      limits,
      creditBytes: 262_144,
      creditMessages: 1024,
      compressions: [Compression.Zstd, Compression.Deflate],
      contentTypes: ["application/vnd.msgpack", "x/y"],
      resumeToken: fromHex("00ff"),
      acceptedSequence: 2 ** 53 - 1,
      oldestSequence: 2 ** 40,
      resumed: true,
      sessionId: "s-1",
      nodeName: "knoten-ü",
      software: "ringwire/0.1.0",
      auth: "Bearer x",
      heartbeatMs: 5000,
    };
    expect(decodeHello(encodeHello(hello))).toEqual(hello);
  });

  test("one that says only its versions means the defaults of the protocol", () => {
    const hello = decodeHello(versions);
    expect(hello.limits).toEqual({
      maxMessageBytes: 32_768,
      maxFragmentBytes: 32_768,
      maxHeadersBytes: 8192,
      maxHeaderCount: 64,
      maxControlBytes: 4096,
      maxReassemblyBytes: 32_768,
      maxReassemblyMessages: 1,
    });
    expect([hello.creditBytes, hello.oldestSequence, hello.resumed]).toEqual([
      0,
      1,
      false,
    ]);
  });

  test("unknown fields and compressions are passed over", () => {
    const body = joinBytes(
      versions,
      fromHex("7fff 0003 010203  000c 0003 02 63 01"),
    );
    expect(decodeHello(body).compressions).toEqual([2, 1]);
  });

  test("an unknown field that must be understood is refused", () => {
    expect(() =>
      decodeHello(joinBytes(versions, fromHex("8000 0000"))),
    ).toThrow(WireUnsupportedError);
  });

  test("bodies that cannot be are refused", () => {
    for (const hex of [
      "",
      "0001 0001 01",
      "0001 0001 02  0002 0001 01",
      "0001 0001 00  0002 0001 01",
      "0001 0002 0001  0002 0001 01",
      "0001 0001 01  0001 0001 01  0002 0001 01",
      "0001 0001 01  0002 0001",
      "0001 0001 01  0002 0001 01  00",
      "0001 0001 01  0002 0001 01  0003 0004 00000010",
      "0001 0001 01  0002 0001 01  000a 0008 0020000000000000",
      "0001 0001 01  0002 0001 01  0011 0001 02",
      "0001 0001 01  0002 0001 01  0012 0001 ff",
      "0001 0001 01  0002 0001 01  000e 0002 01",
    ])
      expect(() => decodeHello(fromHex(hex))).toThrow(WireMalformedError);
    const name = joinBytes(versions, fromHex("0012 0081"), new Uint8Array(129));
    expect(() => decodeHello(name)).toThrow(WireTooLargeError);
  });

  test("what is too long is not said", () => {
    expect(() => encodeHello({ limits, nodeName: "x".repeat(129) })).toThrow(
      "hello: field 19: given 129 bytes, allowed at most 128",
    );
    expect(() =>
      encodeHello({ limits, resumeToken: new Uint8Array(513) }),
    ).toThrow("field 14: given 513 bytes, allowed at most 512");
    expect(() => encodeHello({ limits, creditBytes: -1 })).toThrow(RangeError);
  });

  test("the highest version that both speak is taken", () => {
    expect(negotiateVersion({ min: 1, max: 9 })).toBe(1);
    expect(negotiateVersion({ min: 2, max: 4 }, { min: 1, max: 3 })).toBe(3);
    const error = thrownBy(() => negotiateVersion({ min: 2, max: 4 }));
    expect(error).toBeInstanceOf(WireVersionError);
    expect((error as WireVersionError).closeCode).toBe(4001);
    expect(() =>
      negotiateVersion({ min: 1, max: 1 }, { min: 2, max: 2 }),
    ).toThrow(WireVersionError);
  });

  test("the first sequence follows what was accepted, or what is left", () => {
    expect(firstSequence({ oldestSequence: 1 }, { acceptedSequence: 0 })).toBe(
      1,
    );
    expect(firstSequence({ oldestSequence: 3 }, { acceptedSequence: 7 })).toBe(
      8,
    );
    expect(firstSequence({ oldestSequence: 12 }, { acceptedSequence: 7 })).toBe(
      12,
    );
  });

  test("a compression is one that both have, in the order of the sender", () => {
    const both = [Compression.Zstd, Compression.Deflate];
    expect(negotiateCompression(both, { compressions: [1, 2] })).toBe(2);
    expect(negotiateCompression(both, { compressions: [1] })).toBe(1);
    expect(negotiateCompression([], { compressions: [1] })).toBeUndefined();
  });
});

describe("goodbye, fin, credit and error", () => {
  test("a goodbye comes back as it was given", () => {
    const goodbye = {
      code: CloseCode.ServiceRestart,
      reason: "upgrade",
      acceptedSequence: 99,
      goTo: "tcp://127.0.0.1:9001",
      retryAfterMs: 1500,
      resumeToken: fromHex("0102"),
    };
    expect(decodeGoodbye(encodeGoodbye(goodbye))).toEqual(goodbye);
    expect(mayConnectAgain(goodbye.code)).toBe(true);
    expect(mayConnectAgain(CloseCode.Unauthorized)).toBe(false);
  });

  test("a long reason is cut off between characters", () => {
    const { reason } = decodeGoodbye(
      encodeGoodbye({
        code: 1000,
        reason: "ü".repeat(400),
        acceptedSequence: 0,
      }),
    );
    expect(reason).toBe("ü".repeat(256));
    const odd = `x${"😀".repeat(200)}`;
    const cut = encodeGoodbye({ code: 1000, reason: odd, acceptedSequence: 0 });
    expect(decodeGoodbye(cut).reason).toBe(`x${"😀".repeat(127)}`);
  });

  test("a goodbye without code or sequence is refused", () => {
    expect(() => decodeGoodbye(fromHex("0001 0002 03e8"))).toThrow(
      "goodbye: field 3 is missing",
    );
    expect(() => decodeGoodbye(new Uint8Array(0))).toThrow(WireMalformedError);
  });

  test("credit and fin come back; what follows them is passed over", () => {
    const target = new Uint8Array(30);
    const credit = { bytes: 2 ** 45, messages: 7, acceptedSequence: 2 ** 33 };
    expect(writeCredit(target, 3, credit)).toBe(24);
    expect(decodeCredit(target.subarray(3))).toEqual(credit);
    const fin = { lastSequence: 5, acceptedSequence: 2 ** 32 };
    expect(decodeFin(joinBytes(encodeFin(fin), fromHex("ff")))).toEqual(fin);
    expect(() => decodeCredit(target.subarray(7))).toThrow(WireMalformedError);
    expect(() => decodeFin(new Uint8Array(15))).toThrow(WireMalformedError);
    expect(() => decodeCredit(new Uint8Array(24).fill(255))).toThrow(
      WireMalformedError,
    );
    expect(() => writeCredit(target, 0, { ...credit, bytes: 0.5 })).toThrow(
      RangeError,
    );
  });

  test("an error comes back; the longest one fits the shortest frame", () => {
    const error = {
      code: "c".repeat(64),
      message: "m".repeat(512),
      retryable: true,
      retryAfterMs: 4_294_967_295,
      details: JSON.stringify("d".repeat(254)),
    };
    const body = encodeErrorBody(error);
    expect(decodeErrorBody(body)).toEqual(error);
    expect(body.length).toBeLessThanOrEqual(1024);
    expect(decodeErrorBody(encodeErrorBody({ code: "X" }))).toEqual({
      code: "X",
      message: "",
      retryable: false,
      retryAfterMs: undefined,
      details: undefined,
    });
    expect(() => encodeErrorBody({ code: "c".repeat(65) })).toThrow(RangeError);
    expect(() => decodeErrorBody(fromHex("0003 0001 01"))).toThrow(
      "error: field 1 is missing",
    );
    expect(() => decodeErrorBody(fromHex("0001 0001 58 0003 0001 02"))).toThrow(
      WireMalformedError,
    );
  });
});
