/** Bodies of goodbye, fin and credit. */
import type { CloseCode } from "./close_codes.ts";
import { truncateText } from "./byte_text.ts";
import { WireMalformedError } from "./errors.ts";
import { FieldReader, FieldWriter } from "./fields.ts";
import { frameIdMax, twoTo32 } from "./frame.ts";

/** Why the sender wants the connection to end. */
export interface Goodbye {
  /** One of `CloseCode`, or a number of a later version. */
  readonly code: CloseCode | number;
  /** For people. Cut off at 512 bytes. @default "" */
  readonly reason?: string;
  /** The highest contiguous sequence that the sender has accepted. */
  readonly acceptedSequence: number;
  /** The URL of another server to go to. */
  readonly goTo?: string | undefined;
  /** Not to come back before. */
  readonly retryAfterMs?: number | undefined;
  /** To be shown there, or here later. */
  readonly resumeToken?: Uint8Array | undefined;
}

/** No more data frames come from the sender. */
export interface Fin {
  /** The sequence of its last message, 0 without any. */
  readonly lastSequence: number;
  /** The highest contiguous sequence that it has accepted. */
  readonly acceptedSequence: number;
}

/** How much the receiver of this may have sent since the connection began, all in all. */
export interface Credit {
  /** Bytes of data frames, as they are on the wire. */
  readonly bytes: number;
  /** Messages begun. */
  readonly messages: number;
  /** The highest contiguous sequence that the sender of this has accepted. */
  readonly acceptedSequence: number;
}

const GoodbyeField = {
  Code: 1,
  Reason: 2,
  AcceptedSequence: 3,
  GoTo: 4,
  RetryAfterMs: 5,
  ResumeToken: 6,
} as const;

const reasonBytesMax = 512;
const addressBytesMax = 1024;
const tokenBytesMax = 512;

/** Bytes of a credit's body. */
export const creditBytes = 24;
const finBytes = 16;

/** The body of a goodbye. @throws {RangeError} when a field is out of range */
export function encodeGoodbye(goodbye: Goodbye): Uint8Array<ArrayBuffer> {
  return new FieldWriter("goodbye")
    .number(GoodbyeField.Code, goodbye.code, 2)
    .text(
      GoodbyeField.Reason,
      truncateText(goodbye.reason ?? "", reasonBytesMax),
      reasonBytesMax,
    )
    .number(GoodbyeField.AcceptedSequence, goodbye.acceptedSequence, 8)
    .text(GoodbyeField.GoTo, goodbye.goTo, addressBytesMax)
    .number(GoodbyeField.RetryAfterMs, goodbye.retryAfterMs, 4)
    .bytes(GoodbyeField.ResumeToken, goodbye.resumeToken, tokenBytesMax)
    .finish();
}

/** Reads the body of a goodbye. @throws {WireError} for a body that is refused */
export function decodeGoodbye(
  body: Uint8Array,
): Goodbye & { readonly reason: string } {
  const reader = new FieldReader("goodbye", body);
  return {
    code: reader.required(GoodbyeField.Code, 2),
    reason: reader.text(GoodbyeField.Reason, reasonBytesMax) ?? "",
    acceptedSequence: reader.required(GoodbyeField.AcceptedSequence, 8),
    goTo: reader.text(GoodbyeField.GoTo, addressBytesMax),
    retryAfterMs: reader.number(GoodbyeField.RetryAfterMs, 4),
    resumeToken: reader.bytes(GoodbyeField.ResumeToken, tokenBytesMax),
  };
}

/**
 * Writes the body of a credit into the caller's memory.
 *
 * @returns the bytes written, 24
 * @throws {RangeError} when they do not fit, or a number is out of range
 */
export function writeCredit(
  target: Uint8Array,
  offset: number,
  credit: Credit,
): number {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  writeNumber(view, offset, "bytes", credit.bytes);
  writeNumber(view, offset + 8, "messages", credit.messages);
  writeNumber(view, offset + 16, "acceptedSequence", credit.acceptedSequence);
  return creditBytes;
}

/** Reads the body of a credit; what a later version has added is passed over. @throws {WireMalformedError} when it is too short or a number too great */
export function decodeCredit(body: Uint8Array): Credit {
  const view = bodyView("credit", body, creditBytes);
  return {
    bytes: readNumber(view, 0, "credit"),
    messages: readNumber(view, 8, "credit"),
    acceptedSequence: readNumber(view, 16, "credit"),
  };
}

/** The body of a fin. @throws {RangeError} when a number is out of range */
export function encodeFin(fin: Fin): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(finBytes);
  const view = new DataView(body.buffer);
  writeNumber(view, 0, "lastSequence", fin.lastSequence);
  writeNumber(view, 8, "acceptedSequence", fin.acceptedSequence);
  return body;
}

/** Reads the body of a fin; what a later version has added is passed over. @throws {WireMalformedError} when it is too short or a number too great */
export function decodeFin(body: Uint8Array): Fin {
  const view = bodyView("fin", body, finBytes);
  return {
    lastSequence: readNumber(view, 0, "fin"),
    acceptedSequence: readNumber(view, 8, "fin"),
  };
}

function bodyView(what: string, body: Uint8Array, minBytes: number): DataView {
  if (body.length < minBytes)
    throw new WireMalformedError(
      `${what}: given ${body.length} bytes, allowed at least ${minBytes}`,
    );
  return new DataView(body.buffer, body.byteOffset, body.length);
}

function readNumber(view: DataView, offset: number, what: string): number {
  const value = view.getUint32(offset) * twoTo32 + view.getUint32(offset + 4);
  if (value > frameIdMax)
    throw new WireMalformedError(`${what}: a number above ${frameIdMax}`);
  return value;
}

function writeNumber(
  view: DataView,
  offset: number,
  name: string,
  value: number,
): void {
  if (!Number.isInteger(value) || value < 0 || value > frameIdMax)
    throw new RangeError(
      `${name}: given ${value}, allowed an integer from 0 to ${frameIdMax}`,
    );
  view.setUint32(offset, Math.floor(value / twoTo32));
  view.setUint32(offset + 4, value >>> 0);
}
