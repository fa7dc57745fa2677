/**
 * Bodies of hello, goodbye and error: a row of fields, each with a number and a length, so that a later version may add
 * some. Fields that are not known are passed over, unless their number says that they must be understood.
 */
import { bytesToText, textToBytes } from "./byte_text.ts";
import {
  WireMalformedError,
  WireTooLargeError,
  WireUnsupportedError,
} from "./errors.ts";
import { frameIdMax, twoTo32 } from "./frame.ts";

/** Field numbers from here on must be understood. */
export const criticalFieldMin = 0x8000;

const fieldHeaderBytes = 4;

/** Collects fields of a body. */
export class FieldWriter {
  readonly #what: string;
  readonly #pieces: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** @param maxBytes at most 65535 */
  bytes(key: number, value: Uint8Array | undefined, maxBytes: number): this {
    if (value === undefined) return this;
    if (value.length > maxBytes)
      throw new RangeError(
        `${this.#what}: field ${key}: given ${value.length} bytes, allowed at most ${maxBytes}`,
      );
    const header = new Uint8Array(fieldHeaderBytes);
    const view = new DataView(header.buffer);
    view.setUint16(0, key);
    view.setUint16(2, value.length);
    this.#pieces.push(header, value);
    this.#sizeBytes += fieldHeaderBytes + value.length;
    return this;
  }

  /** @param maxBytes of UTF-8 */
  text(key: number, value: string | undefined, maxBytes: number): this {
    if (value === undefined) return this;
    return this.bytes(key, textToBytes(value), maxBytes);
  }

  /** A whole number in 1, 2, 4 or 8 bytes. */
  number(
    key: number,
    value: number | undefined,
    sizeBytes: 1 | 2 | 4 | 8,
  ): this {
    if (value === undefined) return this;
    const max = sizeBytes === 8 ? frameIdMax : 2 ** (8 * sizeBytes) - 1;
    if (!Number.isInteger(value) || value < 0 || value > max)
      throw new RangeError(
        `${this.#what}: field ${key}: given ${value}, allowed an integer from 0 to ${max}`,
      );
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.floor(value / twoTo32));
    view.setUint32(4, value >>> 0);
    return this.bytes(key, bytes.subarray(8 - sizeBytes), 8);
  }

  /** The whole body. */
  finish(): Uint8Array<ArrayBuffer> {
    const body = new Uint8Array(this.#sizeBytes);
    let at = 0;
    for (const piece of this.#pieces) {
      body.set(piece, at);
      at += piece.length;
    }
    return body;
  }
}

/** Fields of a body that was received. */
export class FieldReader {
  readonly #what: string;
  readonly #values = new Map<number, Uint8Array>();

  /**
   * @throws {WireMalformedError} when a field is cut short or there twice
   * @throws {WireUnsupportedError} for a field that must be understood and is not known
   */
  constructor(what: string, body: Uint8Array) {
    this.#what = what;
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    let at = 0;
    while (at < body.length) {
      if (body.length - at < fieldHeaderBytes)
        throw new WireMalformedError(
          `${what}: ${body.length - at} bytes are left, too few for a field`,
        );
      const key = view.getUint16(at);
      const end = at + fieldHeaderBytes + view.getUint16(at + 2);
      if (end > body.length)
        throw new WireMalformedError(`${what}: field ${key} is cut short`);
      if (key >= criticalFieldMin)
        throw new WireUnsupportedError(
          `${what}: field ${key} must be understood, and is not known`,
        );
      if (this.#values.has(key))
        throw new WireMalformedError(`${what}: field ${key} is there twice`);
      this.#values.set(key, body.subarray(at + fieldHeaderBytes, end));
      at = end;
    }
  }

  /** A copy of the value of a field. */
  bytes(key: number, maxBytes: number): Uint8Array | undefined {
    return this.#within(key, maxBytes)?.slice();
  }

  text(key: number, maxBytes: number): string | undefined {
    const value = this.#within(key, maxBytes);
    return value === undefined
      ? undefined
      : bytesToText(value, `${this.#what}: field ${key}`);
  }

  number(key: number, sizeBytes: 1 | 2 | 4 | 8): number | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    if (value.length !== sizeBytes)
      throw new WireMalformedError(
        `${this.#what}: field ${key}: given ${value.length} bytes, allowed ${sizeBytes}`,
      );
    let number = 0;
    for (const byte of value) number = number * 256 + byte;
    if (number > frameIdMax)
      throw new WireMalformedError(
        `${this.#what}: field ${key}: above ${frameIdMax}`,
      );
    return number;
  }

  /** A number that must be there. */
  required(key: number, sizeBytes: 1 | 2 | 4 | 8): number {
    return this.number(key, sizeBytes) ?? this.#missing(key);
  }

  /** A text that must be there. */
  requiredText(key: number, maxBytes: number): string {
    return this.text(key, maxBytes) ?? this.#missing(key);
  }

  #missing(key: number): never {
    throw new WireMalformedError(`${this.#what}: field ${key} is missing`);
  }

  #within(key: number, maxBytes: number): Uint8Array | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && value.length > maxBytes)
      throw new WireTooLargeError(
        `${this.#what}: bytes of field ${key}`,
        value.length,
        maxBytes,
      );
    return value;
  }
}
