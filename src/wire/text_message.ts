/** Messages as JSON text, for WebSocket clients such as browsers. docs/protocol/text-message.schema.json is made of this. */
import { Buffer } from "node:buffer";
import { z } from "zod";
import { jsonCodec, textCodec } from "./codecs.ts";
import {
  decodeErrorBody,
  encodeErrorBody,
  type ErrorBody,
} from "./error_body.ts";
import {
  WireMalformedError,
  WireTooLargeError,
  WireUnsupportedError,
} from "./errors.ts";
import { frameIdMax } from "./frame.ts";
import { splitTag } from "./frame_encoder.ts";
import type { MessageHeaders } from "./headers.ts";
import { FrameKind, FramePriority, nameOfKind } from "./kinds.ts";
import { type WireLimits, wireLimitsDefault } from "./limits.ts";

const uint32 = z.int().min(0).max(0xffff_ffff);
const uint16 = z.int().min(0).max(0xffff);
const id = z
  .int()
  .min(1)
  .max(frameIdMax)
  .describe("Unique for its sender in this session");

const messageShape = {
  id: id.optional(),
  priority: z.enum(["low", "normal", "high"]).optional(),
  tag: z
    .string()
    .regex(/^[0-9]{1,20}$/)
    .optional()
    .describe("A whole number below 2^64, as decimal digits"),
  deadlineMs: uint32.optional(),
  traceparent: z.string().optional(),
  tracestate: z.string().optional(),
  idempotencyKey: z.string().optional(),
  loadReport: z
    .object({
      loadPermille: uint16,
      activeRequests: uint32,
      waitingRequests: uint32,
    })
    .optional(),
  subject: z.string().optional(),
  replyTo: z.string().optional(),
  correlation: z.string().optional(),
  headers: z
    .record(z.string().min(1), z.string())
    .optional()
    .describe("Headers of the application"),
  data: z.json().optional().describe("A payload of JSON"),
  text: z.string().optional().describe("A payload of text"),
  base64: z.base64().optional().describe("A payload of any bytes"),
  contentType: z
    .string()
    .optional()
    .describe("Of `base64`; `data` and `text` have theirs"),
};

const errorShape = z.object({
  code: z.string().min(1),
  message: z.string().optional(),
  retryable: z.boolean().optional(),
  retryAfterMs: uint32.optional(),
  details: z.string().optional().describe("More, as JSON in a string"),
});

/** A text message, as zod checks it. Properties that are not known are passed over. */
export const textMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("message"), ...messageShape }),
  z.object({ type: z.literal("request"), ...messageShape, id }),
  z.object({ type: z.literal("response"), ...messageShape, id }),
  z.object({ type: z.literal("error"), id, error: errorShape }),
  z.object({ type: z.literal("cancel"), id }),
  z.object({ type: z.literal("ping"), id: id.optional() }),
  z.object({ type: z.literal("pong"), id: id.optional() }),
  z.object({
    type: z.literal("hello"),
    version: z.int().min(1).max(255).optional(),
    auth: z.string().max(2048).optional().describe("From the client"),
    sessionId: z.string().max(128).optional().describe("From the server"),
    nodeName: z.string().max(128).optional(),
    software: z.string().max(128).optional(),
    maxMessageBytes: uint32
      .optional()
      .describe("What the sender of this takes"),
    heartbeatMs: uint32.optional(),
  }),
  z.object({
    type: z.literal("goodbye"),
    code: uint16,
    reason: z.string().max(512).optional(),
    goTo: z.string().max(1024).optional(),
    retryAfterMs: uint32.optional(),
  }),
]);

/** A text message. */
export type TextMessage = z.infer<typeof textMessageSchema>;

/** Text messages that are frames of messages, requests, responses, errors and cancels. */
export type EnvelopeTextMessage = Extract<
  TextMessage,
  { type: "message" | "request" | "response" | "error" | "cancel" }
>;

/** A message with all that its frames say of it, whole and not compressed. */
export interface Envelope {
  readonly kind: number;
  readonly priority: number;
  readonly id: number;
  readonly tagHigh: number;
  readonly tagLow: number;
  readonly headers: MessageHeaders;
  readonly payload: Uint8Array;
}

const priorities = {
  low: FramePriority.Low,
  normal: FramePriority.Normal,
  high: FramePriority.High,
} as const;
const priorityNames = ["low", "normal", "high"] as const;

const kinds = {
  message: FrameKind.Message,
  request: FrameKind.Request,
  response: FrameKind.Response,
  error: FrameKind.Error,
  cancel: FrameKind.Cancel,
} as const;

const nothing = new Uint8Array(0);
const tagMax = 2n ** 64n - 1n;

/** The JSON schema of a text message, as it is published. */
export function textMessageJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(textMessageSchema, { io: "input" }),
    title: "A text message of the Ringwire protocol, version 1",
  };
}

/**
 * Reads a text message.
 *
 * @throws {WireTooLargeError} when it is longer than `maxMessageBytes`
 * @throws {WireMalformedError} when it is no JSON, or not as the schema says
 */
export function parseTextMessage(
  text: string,
  limits: Pick<WireLimits, "maxMessageBytes"> = wireLimitsDefault,
): TextMessage {
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > limits.maxMessageBytes)
    throw new WireTooLargeError(
      "bytes of a text message",
      sizeBytes,
      limits.maxMessageBytes,
    );
  // Both overflow the stack when values are nested deeply, the one when it parses and the other when it checks.
  try {
    const result = textMessageSchema.safeParse(JSON.parse(text));
    if (result.success) return checkPayloads(result.data);
    const [issue] = result.error.issues;
    throw new WireMalformedError(
      `text message: ${issue?.path.map(String).join(".") || "the whole"}: ${issue?.message}`,
    );
  } catch (cause) {
    if (cause instanceof WireMalformedError) throw cause;
    throw new WireMalformedError(
      `text message: is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function checkPayloads(message: TextMessage): TextMessage {
  if (!(
    "tag" in message ||
    "data" in message ||
    "text" in message ||
    "base64" in message
  ))
    return message;
  const count = [message.data, message.text, message.base64].filter(
    (payload) => payload !== undefined,
  ).length;
  if (count > 1)
    throw new WireMalformedError(
      "text message: given several of data, text and base64, allowed one",
    );
  if (message.tag !== undefined && BigInt(message.tag) > tagMax)
    throw new WireMalformedError("text message: tag: above 2^64 - 1");
  return message;
}

/** Whether a text message becomes an envelope; hello, goodbye, ping and pong do not. */
export function isEnvelopeText(
  message: TextMessage,
): message is EnvelopeTextMessage {
  return message.type in kinds;
}

/**
 * The envelope of a text message.
 *
 * @param ids gives an id to a message that has none
 * @throws {RangeError} when an error in it is too long
 */
export function textToEnvelope(
  message: EnvelopeTextMessage,
  ids: () => number,
): Envelope {
  const kind = kinds[message.type];
  const plain = { kind, priority: FramePriority.Normal, tagHigh: 0, tagLow: 0 };
  if (message.type === "cancel")
    return { ...plain, id: message.id, headers: {}, payload: nothing };
  if (message.type === "error")
    return {
      ...plain,
      id: message.id,
      headers: {},
      payload: encodeErrorBody(withoutUndefined(message.error)),
    };
  const [tagHigh, tagLow] = splitTag(BigInt(message.tag ?? 0));
  const { contentType, payload } = payloadOf(message);
  const { deadlineMs, traceparent, tracestate, idempotencyKey } = message;
  const { loadReport, subject, replyTo, correlation, headers } = message;
  return {
    kind,
    priority: priorities[message.priority ?? "normal"],
    id: message.id ?? ids(),
    tagHigh,
    tagLow,
    headers: withoutUndefined({
      deadlineMs,
      traceparent,
      tracestate,
      idempotencyKey,
      loadReport,
      contentType,
      subject,
      replyTo,
      correlation,
      user: headers,
    }),
    payload,
  };
}

type PayloadText = Extract<EnvelopeTextMessage, { type: "message" }>;

function payloadOf(
  message: Pick<PayloadText, "data" | "text" | "base64" | "contentType">,
): { readonly contentType: string | undefined; readonly payload: Uint8Array } {
  if (message.data !== undefined)
    return {
      contentType: jsonCodec.contentType,
      payload: jsonCodec.encode(message.data),
    };
  if (message.text !== undefined)
    return {
      contentType: textCodec.contentType,
      payload: textCodec.encode(message.text),
    };
  const payload =
    message.base64 === undefined
      ? nothing
      : new Uint8Array(Buffer.from(message.base64, "base64"));
  return { contentType: message.contentType, payload };
}

/**
 * A message as text. JSON and text become `data` and `text`, everything else `base64`.
 *
 * @throws {WirePayloadError} when the payload is not what its content type says
 * @throws {WireUnsupportedError} for a kind that has no text form
 */
export function envelopeToText(envelope: Envelope): string {
  const type = nameOfKind(envelope.kind);
  if (!(type in kinds))
    throw new WireUnsupportedError(`a ${type} is no text message`);
  const { id: messageId, payload } = envelope;
  if (envelope.kind === FrameKind.Cancel)
    return JSON.stringify({ type, id: messageId });
  if (envelope.kind === FrameKind.Error)
    return JSON.stringify({
      type,
      id: messageId,
      error: decodeErrorBody(payload) satisfies ErrorBody,
    });
  const { user, contentType, ...headers } = envelope.headers;
  const tag = (BigInt(envelope.tagHigh) << 32n) | BigInt(envelope.tagLow);
  return JSON.stringify({
    type,
    id: messageId,
    priority:
      envelope.priority === FramePriority.Normal
        ? undefined
        : priorityNames[envelope.priority],
    tag: tag === 0n ? undefined : String(tag),
    ...headers,
    headers: user,
    ...payloadText(contentType, payload),
  });
}

function payloadText(contentType: string | undefined, payload: Uint8Array) {
  if (contentType === jsonCodec.contentType)
    return { data: jsonCodec.decode(payload) };
  if (contentType === textCodec.contentType)
    return { text: textCodec.decode(payload) };
  if (payload.length === 0) return { contentType };
  const { buffer, byteOffset, length } = payload;
  const base64 = Buffer.from(buffer, byteOffset, length).toString("base64");
  return { contentType, base64 };
}

/** Without properties that are undefined, as `exactOptionalPropertyTypes` wants them. */
function withoutUndefined<T extends object>(
  value: T,
): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined),
  ) as { [Name in keyof T]: Exclude<T[Name], undefined> };
}
