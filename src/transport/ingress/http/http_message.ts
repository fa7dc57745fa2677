/** Messages in HTTP: headers that say what a body is, and answers. */
import { Buffer } from "node:buffer";
import { FramePriority } from "../../../wire/kinds.ts";
import type { MessageHeaders } from "../../../wire/headers.ts";
import type { Envelope } from "../../../wire/text_message.ts";
import { splitTag } from "../../../wire/frame_encoder.ts";
import type { Reply } from "../../message.ts";
import { payloadOf } from "../text_form.ts";

/** Before the names of the application's own headers. */
const userPrefix = "ringwire-header-";
/** How long an answer is waited for without `Ringwire-Timeout`, in milliseconds. */
const timeoutMsDefault = 30_000;
const timeoutMsMax = 86_400_000;

const priorities: Readonly<Record<string, number>> = {
  low: FramePriority.Low,
  normal: FramePriority.Normal,
  high: FramePriority.High,
};

/** What curl and forms say of bytes when nobody has told them what they are. */
const noContentType: ReadonlySet<string> = new Set([
  "application/x-www-form-urlencoded",
  "application/octet-stream",
]);

/** A header of a request is not as it must be. */
export class HeaderValueError extends Error {}

/** A request's headers, read. */
export interface HttpMessage {
  readonly timeoutMs: number;
  /** The envelope of a body. */
  readonly envelope: (kind: number, payload: Uint8Array) => Envelope;
}

/** Headers are bytes; runtimes give each as a character. */
function textOf(value: string | null): string | undefined {
  if (value === null) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII itself
  if (/^[\x00-\x7f]*$/.test(value)) return value;
  const bytes = Buffer.from(value, "latin1");
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : value;
}

function integerOf(headers: Headers, name: string, max: bigint): bigint {
  const value = headers.get(name)?.trim() ?? "";
  const number = /^[0-9]{1,20}$/.test(value) ? BigInt(value) : -1n;
  if (number < 0n || number > max)
    throw new HeaderValueError(
      `${name}: given ${JSON.stringify(value.slice(0, 50))}, allowed an integer from 0 to ${max}`,
    );
  return number;
}

function contentTypeOf(headers: Headers): string | undefined {
  const value = headers.get("content-type");
  const bare = value?.replace(/;.*/s, "").trim().toLowerCase() ?? "";
  if (bare === "" || noContentType.has(bare)) return undefined;
  return bare === "text/plain" || bare === "application/json"
    ? bare
    : (value ?? undefined);
}

/** Reads the headers of a request. @throws {HeaderValueError} */
export function readHttpMessage(headers: Headers): HttpMessage {
  const priorityName = headers.get("ringwire-priority") ?? "normal";
  const priority = priorities[priorityName.trim().toLowerCase()];
  if (priority === undefined)
    throw new HeaderValueError(
      `ringwire-priority: given ${JSON.stringify(priorityName.slice(0, 50))}, allowed high, normal, low`,
    );
  const tag = headers.has("ringwire-tag")
    ? integerOf(headers, "ringwire-tag", 2n ** 64n - 1n)
    : 0n;
  const timeoutMs = headers.has("ringwire-timeout")
    ? Number(integerOf(headers, "ringwire-timeout", BigInt(timeoutMsMax)))
    : timeoutMsDefault;
  const user: Record<string, string> = {};
  headers.forEach((value, name) => {
    if (name.startsWith(userPrefix))
      user[name.slice(userPrefix.length)] = textOf(value) ?? "";
  });
  const text = (name: string) => textOf(headers.get(name));
  const named: MessageHeaders = {
    deadlineMs: timeoutMs,
    contentType: contentTypeOf(headers),
    subject: text("ringwire-subject"),
    replyTo: text("ringwire-reply-to"),
    correlation: text("ringwire-correlation"),
    idempotencyKey: text("idempotency-key"),
    traceparent: text("traceparent"),
    tracestate: text("tracestate"),
    ...(Object.keys(user).length > 0 ? { user } : {}),
  };
  const [tagHigh, tagLow] = splitTag(tag);
  return {
    timeoutMs,
    envelope: (kind, payload) => ({
      kind,
      id: 1,
      priority,
      tagHigh,
      tagLow,
      headers: named,
      payload,
    }),
  };
}

/** As a header's value: UTF-8 bytes, each as a character; line ends cannot be said. */
function headerValueOf(text: string): string {
  return Buffer.from(text, "utf8")
    .toString("latin1")
    .replace(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what no header can say
      /[\x00-\x1f\x7f]/g,
      (character) => encodeURIComponent(character),
    );
}

/** An answer with its body. @throws {WirePayloadError} when the body cannot be said */
export function responseOf(reply: Reply): Response {
  const { tag, subject, correlation, headers: user } = reply.options;
  const { payload, contentType } = payloadOf(
    reply.body,
    reply.options.contentType,
  );
  const isText = contentType === "text/plain";
  const headers = new Headers({
    "content-type": isText
      ? "text/plain; charset=utf-8"
      : headerValueOf(contentType ?? "application/octet-stream"),
  });
  if (tag !== undefined) headers.set("ringwire-tag", String(tag));
  if (subject !== undefined)
    headers.set("ringwire-subject", headerValueOf(subject));
  if (correlation !== undefined)
    headers.set("ringwire-correlation", headerValueOf(correlation));
  for (const [name, value] of Object.entries(user ?? {}))
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      headers.set(`${userPrefix}${name}`, headerValueOf(value));
  // A view of memory that is not shared, as the type wants it.
  return new Response(payload as Uint8Array<ArrayBuffer>, { headers });
}
