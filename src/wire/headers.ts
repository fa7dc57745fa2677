/** What a message carries besides its payload. Well-known headers have one byte for a name. */
import { bytesToText, textToBytes } from "./byte_text.ts";
import {
  WireMalformedError,
  WireTooLargeError,
  WireUnsupportedError,
} from "./errors.ts";
import { type WireLimits, wireLimitsDefault } from "./limits.ts";

/** How busy a server is; with a response, for whoever balances load. */
export interface LoadReport {
  /** Load in thousandths of what the server can do. 0 to 65535. */
  readonly loadPermille: number;
  /** Requests being handled. */
  readonly activeRequests: number;
  /** Requests that wait. */
  readonly waitingRequests: number;
}

/** Headers of a message. What is not there is undefined. */
export interface MessageHeaders {
  /** Time that was left for the answer when this was sent, in milliseconds. No clocks are compared. */
  readonly deadlineMs?: number | undefined;
  /** Trace context of W3C. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** A request with the same key is the same request: it may be sent again. */
  readonly idempotencyKey?: string | undefined;
  readonly loadReport?: LoadReport | undefined;
  /** What the payload is. Without it, bytes. */
  readonly contentType?: string | undefined;
  /** What the message is about: servers route by it. */
  readonly subject?: string | undefined;
  /** Where an answer is to be sent. */
  readonly replyTo?: string | undefined;
  /** What an answer refers to. */
  readonly correlation?: string | undefined;
  /** Headers of the application: names of 1 to 255 bytes, values of up to 65535. */
  readonly user?: Readonly<Record<string, string>> | undefined;
}

/** Bytes that name a header; 0 is followed by a name. */
export const HeaderKey = {
  User: 0,
  Deadline: 1,
  Traceparent: 2,
  IdempotencyKey: 3,
  LoadReport: 4,
  ContentType: 5,
  Subject: 6,
  ReplyTo: 7,
  Correlation: 8,
  Tracestate: 9,
} as const;

/** Headers from here on must be understood. */
const criticalKeyMin = 128;

const textKeys = {
  [HeaderKey.Traceparent]: "traceparent",
  [HeaderKey.IdempotencyKey]: "idempotencyKey",
  [HeaderKey.ContentType]: "contentType",
  [HeaderKey.Subject]: "subject",
  [HeaderKey.ReplyTo]: "replyTo",
  [HeaderKey.Correlation]: "correlation",
  [HeaderKey.Tracestate]: "tracestate",
} as const;
const textEntries = Object.entries(textKeys).map(
  ([key, name]) => [Number(key), name] as const,
);
const nameByKey: Readonly<Record<number, (typeof textEntries)[number][1]>> =
  textKeys;

/** Content types that one byte stands for. */
const shortTypes: Readonly<Record<number, string>> = {
  1: "application/json",
  2: "application/vnd.msgpack",
  3: "text/plain",
};
const numberByType = new Map(
  Object.entries(shortTypes).map(([number, type]) => [type, Number(number)]),
);

const valueBytesMax = 0xffff;
const nameBytesMax = 255;
const loadReportBytes = 10;
const uint32Max = 0xffff_ffff;

interface Entry {
  readonly key: number;
  readonly name?: Uint8Array;
  readonly value: Uint8Array;
}

function uint32Bytes(name: string, value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > uint32Max)
    throw new RangeError(
      `${name}: given ${value}, allowed an integer from 0 to ${uint32Max}`,
    );
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function loadReportToBytes(report: LoadReport): Uint8Array {
  const { loadPermille } = report;
  if (
    !Number.isInteger(loadPermille) ||
    loadPermille < 0 ||
    loadPermille > 0xffff
  )
    throw new RangeError(
      `loadPermille: given ${loadPermille}, allowed an integer from 0 to 65535`,
    );
  const bytes = new Uint8Array(loadReportBytes);
  new DataView(bytes.buffer).setUint16(0, loadPermille);
  bytes.set(uint32Bytes("activeRequests", report.activeRequests), 2);
  bytes.set(uint32Bytes("waitingRequests", report.waitingRequests), 6);
  return bytes;
}

function entriesOf(headers: MessageHeaders): Entry[] {
  const entries: Entry[] = [];
  if (headers.deadlineMs !== undefined)
    entries.push({
      key: HeaderKey.Deadline,
      value: uint32Bytes("deadlineMs", headers.deadlineMs),
    });
  if (headers.loadReport !== undefined)
    entries.push({
      key: HeaderKey.LoadReport,
      value: loadReportToBytes(headers.loadReport),
    });
  for (const [key, name] of textEntries) {
    const text = headers[name];
    if (text === undefined) continue;
    const short =
      key === HeaderKey.ContentType ? numberByType.get(text) : undefined;
    const value =
      short === undefined ? textToBytes(text) : Uint8Array.of(short);
    entries.push({ key, value });
  }
  for (const [name, text] of Object.entries(headers.user ?? {})) {
    const bytes = textToBytes(name);
    if (bytes.length === 0 || bytes.length > nameBytesMax)
      throw new RangeError(
        `name of a header: given ${bytes.length} bytes, allowed 1 to ${nameBytesMax}`,
      );
    entries.push({
      key: HeaderKey.User,
      name: bytes,
      value: textToBytes(text),
    });
  }
  return entries;
}

/**
 * The headers block. Without headers it is empty, and the frame has none.
 *
 * @param limits of the receiver
 * @throws {RangeError} when a header is out of range, or they are too many or too long together
 */
export function encodeHeaders(
  headers: MessageHeaders,
  limits: Pick<
    WireLimits,
    "maxHeaderCount" | "maxHeadersBytes"
  > = wireLimitsDefault,
): Uint8Array<ArrayBuffer> {
  const entries = entriesOf(headers);
  if (entries.length > limits.maxHeaderCount)
    throw new RangeError(
      `headers: given ${entries.length}, allowed at most ${limits.maxHeaderCount}`,
    );
  let sizeBytes = 0;
  for (const { name, value } of entries) {
    if (value.length > valueBytesMax)
      throw new RangeError(
        `value of a header: given ${value.length} bytes, allowed at most ${valueBytesMax}`,
      );
    sizeBytes += 3 + (name === undefined ? 0 : 1 + name.length) + value.length;
  }
  if (sizeBytes > limits.maxHeadersBytes)
    throw new RangeError(
      `headers: given ${sizeBytes} bytes, allowed at most ${limits.maxHeadersBytes}`,
    );
  const block = new Uint8Array(sizeBytes);
  let at = 0;
  for (const { key, name, value } of entries) {
    block[at++] = key;
    if (name !== undefined) {
      block[at++] = name.length;
      block.set(name, at);
      at += name.length;
    }
    block[at++] = value.length >>> 8;
    block[at++] = value.length;
    block.set(value, at);
    at += value.length;
  }
  return block;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/**
 * Reads a headers block. Optional headers that are not known are passed over.
 *
 * @throws {WireError} for a block that is refused
 */
export function decodeHeaders(
  block: Uint8Array,
  limits: Pick<WireLimits, "maxHeaderCount"> = wireLimitsDefault,
): MessageHeaders {
  const headers: Mutable<MessageHeaders> = {};
  const user = new Map<string, string>();
  const seen = new Set<number>();
  let count = 0;
  let at = 0;
  while (at < block.length) {
    count += 1;
    if (count > limits.maxHeaderCount)
      throw new WireTooLargeError("headers", count, limits.maxHeaderCount);
    const key = block[at++] ?? 0;
    let name: string | undefined;
    if (key === HeaderKey.User) {
      const end = at + 1 + (block[at] ?? 0);
      if (end > block.length || end === at + 1) throw cutShort(key);
      name = bytesToText(block.subarray(at + 1, end), "name of a header");
      at = end;
    }
    if (block.length - at < 2) throw cutShort(key);
    const start = at + 2;
    const end = start + ((block[at] ?? 0) << 8) + (block[at + 1] ?? 0);
    if (end > block.length) throw cutShort(key);
    at = end;
    const value = block.subarray(start, end);
    if (name !== undefined) {
      if (user.has(name)) throw twice(JSON.stringify(name));
      user.set(name, bytesToText(value, "value of a header"));
      continue;
    }
    if (seen.has(key)) throw twice(String(key));
    seen.add(key);
    readKnown(headers, key, value);
  }
  // Own properties, whatever they are called.
  if (user.size > 0) headers.user = Object.fromEntries(user);
  return headers;
}

function readKnown(
  headers: Mutable<MessageHeaders>,
  key: number,
  value: Uint8Array,
): void {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (key === HeaderKey.Deadline) {
    if (value.length !== 4) throw cutShort(key);
    headers.deadlineMs = view.getUint32(0);
    return;
  }
  if (key === HeaderKey.LoadReport) {
    if (value.length < loadReportBytes) throw cutShort(key);
    headers.loadReport = {
      loadPermille: view.getUint16(0),
      activeRequests: view.getUint32(2),
      waitingRequests: view.getUint32(6),
    };
    return;
  }
  const name = nameByKey[key];
  if (name === undefined) {
    if (key >= criticalKeyMin)
      throw new WireUnsupportedError(
        `header ${key} must be understood, and is not known`,
      );
    return;
  }
  const short =
    name === "contentType" && value.length === 1
      ? shortTypes[value[0] ?? 0]
      : undefined;
  headers[name] = short ?? bytesToText(value, `header ${name}`);
}

function cutShort(key: number): WireMalformedError {
  return new WireMalformedError(`header ${key} has no right length`);
}

function twice(name: string): WireMalformedError {
  return new WireMalformedError(`header ${name} is there twice`);
}
