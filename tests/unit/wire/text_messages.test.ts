import { Validator } from "@cfworker/json-schema";
import {
  type Envelope,
  encodeErrorBody,
  envelopeToText,
  FrameKind,
  isEnvelopeText,
  parseTextMessage,
  textMessageJsonSchema,
  textToEnvelope,
  WireMalformedError,
  WirePayloadError,
  WireTooLargeError,
  WireUnsupportedError,
} from "../../../src/wire/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { fromHex, thrownBy } from "../../support/wire_frames.ts";

/** To an envelope and back. */
function there(text: string): Envelope {
  const message = parseTextMessage(text);
  if (!isEnvelopeText(message)) throw new Error(`a ${message.type}`);
  return textToEnvelope(message, () => 77);
}

const full = {
  type: "request",
  id: 5,
  priority: "high",
  tag: "18446744073709551615",
  deadlineMs: 100,
  traceparent: "tp",
  tracestate: "ts",
  idempotencyKey: "k",
  loadReport: { loadPermille: 1, activeRequests: 2, waitingRequests: 3 },
  subject: "s",
  replyTo: "r",
  correlation: "c",
  headers: { "x-a": "1" },
  data: { n: [1, null] },
};

describe("text messages", () => {
  test("everything that a message says comes back", () => {
    const envelope = there(JSON.stringify(full));
    expect([envelope.kind, envelope.priority, envelope.id]).toEqual([2, 2, 5]);
    expect(envelope.headers.contentType).toBe("application/json");
    expect(new TextDecoder().decode(envelope.payload)).toBe('{"n":[1,null]}');
    expect(JSON.parse(envelopeToText(envelope))).toEqual(full);
  });

  test("text and bytes have forms of their own", () => {
    for (const payload of [
      { text: "ü" },
      { contentType: "image/png", base64: "AP8=" },
      { base64: "AP8=" },
      {},
    ]) {
      const message = { type: "message", id: 3, ...payload };
      expect(
        JSON.parse(envelopeToText(there(JSON.stringify(message)))),
      ).toEqual(message);
    }
    expect(there('{"type":"message","base64":"AP8="}').payload).toEqual(
      fromHex("00ff"),
    );
    expect(there('{"type":"message","data":null}').payload).toEqual(
      fromHex("6e756c6c"),
    );
  });

  test("a message without id gets one; unknown properties are passed over", () => {
    expect(there('{"type":"message","text":"x","later":1}').id).toBe(77);
  });

  test("errors and cancels come back", () => {
    const error = {
      type: "error",
      id: 4,
      error: { code: "X", message: "m", retryable: true },
    };
    const envelope = there(JSON.stringify(error));
    expect(envelope.payload).toEqual(encodeErrorBody(error.error));
    expect(JSON.parse(envelopeToText(envelope))).toEqual(error);
    expect(
      JSON.parse(envelopeToText(there('{"type":"cancel","id":4}'))),
    ).toEqual({ type: "cancel", id: 4 });
  });

  test("hello, goodbye, ping and pong are no envelopes", () => {
    for (const text of [
      '{"type":"hello","auth":"Bearer x"}',
      '{"type":"goodbye","code":1000}',
      '{"type":"ping"}',
      '{"type":"pong","id":1}',
    ])
      expect(isEnvelopeText(parseTextMessage(text))).toBe(false);
  });

  const wrong = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"type":"nothing"}',
    '{"type":"request"}',
    '{"type":"request","id":0}',
    '{"type":"request","id":1.5}',
    '{"type":"message","id":9007199254740992}',
    '{"type":"message","priority":"urgent"}',
    '{"type":"message","tag":5}',
    '{"type":"message","tag":"18446744073709551616"}',
    '{"type":"message","base64":"*"}',
    '{"type":"message","text":"a","data":1}',
    '{"type":"message","headers":{"a":1}}',
    '{"type":"error","id":1,"error":{}}',
  ];
  test("what the schema does not allow is refused", () => {
    for (const text of wrong)
      expect(() => parseTextMessage(text)).toThrow(WireMalformedError);
  });

  test("length is bounded, in bytes", () => {
    const text = JSON.stringify({ type: "message", text: "ü".repeat(50) });
    const sizeBytes = text.length + 50;
    expect(parseTextMessage(text, { maxMessageBytes: sizeBytes }).type).toBe(
      "message",
    );
    expect(() =>
      parseTextMessage(text, { maxMessageBytes: sizeBytes - 1 }),
    ).toThrow(WireTooLargeError);
  });

  test("deep nesting is a typed error", () => {
    const depth = 500_000;
    const text = `{"type":"message","data":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    expect(thrownBy(() => parseTextMessage(text))).toBeInstanceOf(
      WireMalformedError,
    );
  });

  test("a payload that is not what it says, or a kind without a text, is refused", () => {
    const envelope = there(JSON.stringify(full));
    expect(() =>
      envelopeToText({ ...envelope, payload: fromHex("7b") }),
    ).toThrow(WirePayloadError);
    expect(() =>
      envelopeToText({ ...envelope, kind: FrameKind.Credit }),
    ).toThrow(WireUnsupportedError);
  });

  test("the published schema takes and refuses the same, by a validator that is not ours", () => {
    const validator = new Validator(
      textMessageJsonSchema() as never,
      "2020-12",
    );
    for (const right of [
      full,
      { type: "message" },
      { type: "hello" },
      { type: "goodbye", code: 1000 },
    ])
      expect(validator.validate(right).valid).toBe(true);
    // What a schema cannot say: which JSON is none, sums and one of several.
    for (const text of wrong.slice(2)) {
      if (text.includes('"tag":"') || text.includes('"text":"a"')) continue;
      expect([text, validator.validate(JSON.parse(text)).valid]).toEqual([
        text,
        false,
      ]);
    }
  });
});
