import {
  NoSpaceError,
  QueueEmptyError,
  QueueFullError,
  RingwireError,
} from "../../../src/mod.ts";
import {
  decodeJson,
  decodeText,
  encodeJson,
} from "../../../src/queue/codec.ts";
import * as errors from "../../../src/queue/errors.ts";
import { failureOf } from "../../../src/queue/failure.ts";
import { encodeHeaders, parseHeaders } from "../../../src/queue/headers.ts";
import { Message } from "../../../src/queue/message.ts";
import { parsePlace } from "../../../src/queue/place.ts";
import process from "node:process";
import { describe, expect, test } from "../../support/testing.ts";

const encoder = new TextEncoder();

describe("headers", () => {
  test("survive the way there and back", () => {
    const into = new Uint8Array(2048);
    for (const headers of [
      { a: "b" },
      { a: "", "b-c": 'ü\n"' },
      { ["__proto__"]: "x" },
    ]) {
      const length = encodeHeaders(headers, into);
      expect(Object.entries(parseHeaders(into.subarray(0, length)))).toEqual(
        Object.entries(headers),
      );
    }
    expect(encodeHeaders({}, into)).toBe(0);
    expect(encodeHeaders({ a: "b".repeat(100) }, into.subarray(0, 50))).toBe(
      -1,
    );
  });

  test("foreign bytes are refused", () => {
    for (const text of ["", "x", "[]", "null", '"x"', '{"a":1}']) {
      expect(() => parseHeaders(encoder.encode(text))).toThrow(
        errors.SerializationFailedError,
      );
    }
    expect(() => parseHeaders(new Uint8Array([0xff]))).toThrow(
      errors.SerializationFailedError,
    );
  });
});

describe("texts and JSON", () => {
  test("are read from the middle of a chunk", () => {
    const chunk = encoder.encode('??"ünï"??');
    expect(decodeText(chunk, 2, chunk.byteLength - 4)).toBe('"ünï"');
    expect(decodeJson(chunk, 2, chunk.byteLength - 4)).toBe("ünï");
    expect(decodeText(chunk, 3, 0)).toBe("");
  });

  test("a replacement character that is really there is no mistake", () => {
    expect(decodeJson(encoder.encode('"\ufffd"'))).toBe("\ufffd");
    expect(() => decodeJson(new Uint8Array([0x22, 0xc3, 0x22]))).toThrow(
      errors.SerializationFailedError,
    );
    expect(decodeJson(encoder.encode("\ufeff1"))).toBe(1);
    expect(() => decodeJson(new Uint8Array(0))).toThrow(
      errors.SerializationFailedError,
    );
    expect(encodeJson("\ud800")).toBe('"\\ud800"');
  });
});

describe("new messages", () => {
  test("have a body, a time and no id", () => {
    const message = new Message("ü", { priority: "low", headers: { k: "v" } });
    expect(message.id).toBe(0n);
    expect(message.byteLength).toBe(2);
    expect(message.data).toEqual(encoder.encode("ü"));
    expect(message.text()).toBe("ü");
    expect(message.attempts).toBe(0);
    expect(message.priority).toBe("low");
    expect(message.headers).toEqual({ k: "v" });
    expect(Message.json({ a: 1 }).json()).toEqual({ a: 1 });
    expect(Message.text("x").value === undefined).toBe(false);
    expect(new Message(new Uint8Array([1])).text()).toBe("\u0001");
  });
});

describe("errors", () => {
  test("each has a code that is its name without Error", () => {
    let count = 0;
    for (const [name, type] of Object.entries(errors)) {
      if (typeof type !== "function") continue;
      const error = new type("text", { queue: "q" });
      expect(error.code).toBe(name.replace(/Error$/, ""));
      expect(error.name).toBe(name);
      expect(error).toBeInstanceOf(RingwireError);
      expect(error.queue).toBe("q");
      count++;
    }
    expect(count).toBeGreaterThan(18);
  });

  test("one number means what was being done", () => {
    expect(failureOf(-11, "send", "q", "")).toBeInstanceOf(QueueFullError);
    expect(failureOf(-11, "take", "q", "")).toBeInstanceOf(QueueEmptyError);
    expect(failureOf(-2, "open", "q", "")).toBeInstanceOf(
      errors.QueueNotFoundError,
    );
    expect(failureOf(-2, "create", "q", "")).toBeInstanceOf(
      errors.CreationFailedError,
    );
    expect(failureOf(-28, "create", "q", "")).toBeInstanceOf(NoSpaceError);
    const unknown = failureOf(-9999, "open", "q", "");
    expect(unknown).toBeInstanceOf(errors.AccessFailedError);
    expect(unknown.errno).toBe(9999);
    expect(failureOf(-28, "send", "q", "the disk").message).toBe("q: the disk");
  });
});

test("RINGWIRE_SHM_DIR moves plain names", () => {
  const before = process.env.RINGWIRE_SHM_DIR;
  try {
    process.env.RINGWIRE_SHM_DIR = "/dev/shm/elsewhere";
    expect(parsePlace("q").path).toBe("/dev/shm/elsewhere/ringwire.q");
    process.env.RINGWIRE_SHM_DIR = "";
    expect(parsePlace("q").path).toBe("/dev/shm/ringwire.q");
  } finally {
    if (before === undefined) delete process.env.RINGWIRE_SHM_DIR;
    else process.env.RINGWIRE_SHM_DIR = before;
  }
});
