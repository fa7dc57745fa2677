/** Headers on the wire: a compact JSON object of strings in UTF-8. The shim treats them as bytes. */
import { SerializationFailedError } from "./errors.ts";

/** Names that Ringwire gives a meaning to; all names are lower case. */
export const HEADER = {
  /** W3C trace context. */
  traceparent: "traceparent",
  /** `NAME#UUID` of the queue that waits for the reply. */
  replyTo: "reply-to",
  /** Matches a reply to its request. */
  correlationId: "correlation-id",
  /** Messages with the same key are to be worked on in order. */
  orderKey: "order-key",
  /** The sender's own id, for the consumer's duplicate check. */
  messageId: "message-id",
  /** Wall clock in milliseconds after which nobody waits any more. */
  deadline: "deadline",
} as const;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/**
 * Writes headers into `into`.
 *
 * @returns bytes written, or -1 when they do not fit
 * @throws {TypeError} when they are no object, a name is not lower case or a value is no string
 */
export function encodeHeaders(
  headers: Readonly<Record<string, string>>,
  into: Uint8Array,
): number {
  if (typeof headers !== "object" || headers === null)
    throw new TypeError(
      `headers: given ${typeof headers}, allowed an object of strings`,
    );
  let any = false;
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (typeof value !== "string")
      throw new TypeError(
        `header ${JSON.stringify(name)}: given ${typeof value}, allowed a string`,
      );
    if (name === "" || name !== name.toLowerCase())
      throw new TypeError(
        `header ${JSON.stringify(name)}: allowed a lower-case name that is not empty`,
      );
    any = true;
  }
  if (!any) return 0;
  const text = JSON.stringify(headers);
  const { read, written } = encoder.encodeInto(text, into);
  return read === text.length ? written : -1;
}

/** @throws {SerializationFailedError} when the bytes are not an object of strings */
export function parseHeaders(
  bytes: Uint8Array,
): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new SerializationFailedError(
      `the headers (${bytes.byteLength} bytes) are not JSON`,
      { cause },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SerializationFailedError("the headers are not a JSON object");
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string")
      throw new SerializationFailedError(
        `header ${JSON.stringify(name)} is not a string`,
      );
    // Not by assignment: "__proto__" is a name like any other.
    Object.defineProperty(headers, name, { value: text, enumerable: true });
  }
  return Object.freeze(headers);
}
