import {
  type ControlMessage,
  controlPrefixOf,
  controlVersion,
  decodeControl,
  encodeControl,
} from "../../../src/ucx/core/control_messages.ts";
import { describe, expect, test } from "../../support/testing.ts";

const messages: readonly ControlMessage[] = [
  {
    kind: "hello",
    features: 81,
    receiverId: 0,
    senderId: 4_194_303,
    workerId: 2 ** 53 - 1,
    credits: 1024,
    streamCredits: 2 ** 31,
    messageBytesMax: 2 ** 40,
    name: "größe",
    address: new Uint8Array([1, 2, 3]),
  },
  {
    kind: "welcome",
    features: 16,
    receiverId: 7,
    senderId: 8,
    workerId: 2 ** 53 - 1,
    credits: 2,
    streamCredits: 0,
    messageBytesMax: 0,
    name: "",
    address: new Uint8Array(0),
  },
  {
    kind: "goodbye",
    receiverId: 7,
    messagesSent: 2 ** 50,
    streamBytesSent: 5,
    patienceMs: 1000,
  },
  {
    kind: "farewell",
    receiverId: 7,
    messagesSent: 0,
    streamBytesSent: 0,
    patienceMs: 0,
  },
  {
    kind: "credit",
    receiverId: 7,
    messagesGranted: 2 ** 40,
    streamBytesGranted: 3,
  },
  { kind: "starved", receiverId: 7, messagesSent: 9, streamBytesSent: 4 },
  { kind: "refusal", receiverId: 7, reason: "no room" },
  { kind: "ping", receiverId: 7, sequence: 12 },
  { kind: "pong", receiverId: 7, sequence: 13 },
];

describe("control messages", () => {
  test("come back as they were", () => {
    for (const message of messages)
      expect(decodeControl(encodeControl(message))).toEqual(message);
  });

  test("are refused with a byte too few or too many, except for a text that is shorter", () => {
    for (const message of messages) {
      const bytes = encodeControl(message);
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      if (message.kind === "refusal") continue;
      expect(decodeControl(longer)).toBe(undefined);
      expect(decodeControl(bytes.subarray(0, bytes.length - 1))).toBe(
        undefined,
      );
    }
  });

  test("are refused with a count that is none", () => {
    const bytes = encodeControl({
      kind: "credit",
      receiverId: 1,
      messagesGranted: 1,
      streamBytesGranted: 1,
    });
    const view = new DataView(bytes.buffer);
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      view.setFloat64(8, wrong, true);
      expect(decodeControl(bytes)).toBe(undefined);
    }
  });

  test("of another version tell who speaks to whom", () => {
    const [hello] = messages;
    if (hello === undefined) throw new Error("unreachable");
    const bytes = encodeControl(hello);
    bytes[1] = controlVersion + 1;
    expect(decodeControl(bytes)).toBe(undefined);
    expect(controlPrefixOf(bytes)).toEqual({
      version: controlVersion + 1,
      receiverId: 0,
      senderId: 4_194_303,
    });
    expect(controlPrefixOf(new Uint8Array(7))).toBe(undefined);
  });

  test("are refused whatever a byte is changed to, or mean something: nothing throws", () => {
    for (const message of messages) {
      const bytes = encodeControl(message);
      for (let index = 0; index < bytes.length; index++) {
        const before = bytes[index] ?? 0;
        for (const value of [0, 1, 127, 255]) {
          bytes[index] = value;
          decodeControl(bytes);
        }
        bytes[index] = before;
      }
    }
  });

  test("with a long reason are cut", () => {
    const decoded = decodeControl(
      encodeControl({
        kind: "refusal",
        receiverId: 1,
        reason: "x".repeat(5000),
      }),
    );
    expect(decoded).toEqual({
      kind: "refusal",
      receiverId: 1,
      reason: "x".repeat(256),
    });
  });
});
