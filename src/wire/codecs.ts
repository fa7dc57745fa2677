/** Values as payloads: what the content type of a message says. */
import { Buffer } from "node:buffer";
import { WirePayloadError, WireUnsupportedError } from "./errors.ts";

/** Turns values into payloads and back. */
export interface PayloadCodec {
  /** What it makes, without parameters, in small letters. */
  readonly contentType: string;
  /** @throws {WirePayloadError} for a value that it has no form for */
  encode(value: unknown): Uint8Array;
  /** @throws {WirePayloadError} for bytes that are no such form */
  decode(payload: Uint8Array): unknown;
}

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** For a short text Bun's decoder takes 50 ns and Deno's 270; Deno's Buffer takes 70, and Bun's 350. */
const byBuffer = "Deno" in globalThis;

function decodeStrictly(payload: Uint8Array): string {
  if (!byBuffer) return strict.decode(payload);
  const { buffer, byteOffset, length } = payload;
  const text = Buffer.from(buffer, byteOffset, length).toString();
  // Either malformed, or really this character: the slower decoder knows.
  return text.includes("\ufffd") ? strict.decode(payload) : text;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Bytes as they are; messages without a content type. Decoding gives the payload itself, not a copy. */
export const rawCodec: PayloadCodec = {
  contentType: "application/octet-stream",
  encode(value) {
    if (value instanceof Uint8Array) return value;
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value))
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new WirePayloadError(`a value of type ${typeof value} is no bytes`);
  },
  decode: (payload) => payload,
};

/** Text in UTF-8. */
export const textCodec: PayloadCodec = {
  contentType: "text/plain",
  encode(value) {
    if (typeof value === "string") return encoder.encode(value);
    throw new WirePayloadError(`a value of type ${typeof value} is no text`);
  },
  decode(payload) {
    try {
      return decodeStrictly(payload);
    } catch (cause) {
      throw new WirePayloadError(
        `a payload of ${payload.length} bytes is no UTF-8`,
        { cause },
      );
    }
  },
};

/** JSON in UTF-8. */
export const jsonCodec: PayloadCodec = {
  contentType: "application/json",
  encode(value) {
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (cause) {
      throw new WirePayloadError(`the value has no JSON: ${reasonOf(cause)}`, {
        cause,
      });
    }
    if (text === undefined)
      throw new WirePayloadError(`a value of type ${typeof value} has no JSON`);
    return encoder.encode(text);
  },
  decode(payload) {
    try {
      return JSON.parse(decodeStrictly(payload));
    } catch (cause) {
      throw new WirePayloadError(
        `a payload of ${payload.length} bytes is no JSON: ${reasonOf(cause)}`,
        { cause },
      );
    }
  },
};

const builtIn: readonly PayloadCodec[] = [rawCodec, textCodec, jsonCodec];

/** The codecs of one side. */
export class PayloadCodecs {
  readonly #byType = new Map<string, PayloadCodec>();
  /** Content types besides the built-in ones, as the hello announces them. */
  readonly contentTypes: readonly string[];

  /** @param more besides raw bytes, text and JSON; one with a built-in content type takes its place */
  constructor(more: readonly PayloadCodec[] = []) {
    for (const codec of [...builtIn, ...more])
      this.#byType.set(codec.contentType, codec);
    this.contentTypes = more
      .map((codec) => codec.contentType)
      .filter((type) => builtIn.every((codec) => codec.contentType !== type));
  }

  /**
   * The codec of a content type; parameters do not matter, and `…+json` is JSON.
   *
   * @throws {WireUnsupportedError} when there is none
   */
  of(contentType: string | undefined): PayloadCodec {
    if (contentType === undefined) return rawCodec;
    const exact = this.#byType.get(contentType);
    if (exact !== undefined) return exact;
    const bare = contentType.replace(/;.*/s, "").trim().toLowerCase();
    const codec =
      this.#byType.get(bare) ??
      (bare.endsWith("+json") ? jsonCodec : undefined);
    if (codec !== undefined) return codec;
    throw new WireUnsupportedError(
      `content type: given ${JSON.stringify(contentType.slice(0, 100))}, allowed ${[...this.#byType.keys()].join(", ")}`,
    );
  }
}
