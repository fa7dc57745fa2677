/** Messages of sessions without frames: as text, and out of envelopes. */
import { PayloadCodecs, jsonCodec, textCodec } from "../../wire/codecs.ts";
import { encodeErrorBody } from "../../wire/error_body.ts";
import { splitTag } from "../../wire/frame_encoder.ts";
import { FrameKind, FramePriority } from "../../wire/kinds.ts";
import { type Envelope, envelopeToText } from "../../wire/text_message.ts";
import type { MessageBody, MessageOptions } from "../message.ts";
import { ReceivedMessage, ReceivedRequest } from "../session/incoming.ts";
import { priorityNumber } from "../session/outgoing_body.ts";
import { NoResponderError, RemoteError } from "../session_errors.ts";

const codecs = new PayloadCodecs();

/** The bytes of a body, and what they are. */
export function payloadOf(
  body: MessageBody,
  contentType: string | undefined,
): { readonly payload: Uint8Array; readonly contentType: string | undefined } {
  if (body instanceof Uint8Array) return { payload: body, contentType };
  const codec = typeof body === "string" ? textCodec : jsonCodec;
  return {
    payload: codec.encode(body),
    contentType: contentType ?? codec.contentType,
  };
}

/**
 * A message, request or response as JSON text.
 *
 * @throws {WirePayloadError} when the body is not what its content type says
 * @throws {RangeError} for a tag or header that cannot be
 */
export function textOfMessage(
  kind: number,
  id: number,
  body: MessageBody,
  options: MessageOptions & { readonly idempotencyKey?: string | undefined },
  deadlineMs: number | undefined,
): string {
  const { payload, contentType } = payloadOf(body, options.contentType);
  const [tagHigh, tagLow] = splitTag(options.tag ?? 0);
  const { subject, replyTo, correlation, headers, idempotencyKey } = options;
  const { traceparent, tracestate } = options;
  return envelopeToText({
    kind,
    id,
    priority: priorityNumber[options.priority ?? "normal"],
    tagHigh,
    tagLow,
    headers: {
      deadlineMs,
      contentType,
      subject,
      replyTo,
      correlation,
      idempotencyKey,
      traceparent,
      tracestate,
      user: headers,
    },
    payload,
  });
}

/** What a requester is told of a failure: what was meant for it, or that something failed. */
export function failureOf(error: unknown): {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly details?: string | undefined;
} {
  if (error instanceof RemoteError) {
    const { code, message, retryable, retryAfterMs, details } = error;
    return {
      code,
      message,
      retryable,
      retryAfterMs,
      details: details === undefined ? undefined : JSON.stringify(details),
    };
  }
  if (error instanceof NoResponderError)
    return { code: error.code, message: error.message, retryable: false };
  return {
    code: "Internal",
    message: "the handler has failed",
    retryable: false,
  };
}

/** A failure as text. */
export function textOfFailure(id: number, error: unknown): string {
  return envelopeToText({
    kind: FrameKind.Error,
    id,
    priority: FramePriority.Normal,
    tagHigh: 0,
    tagLow: 0,
    headers: {},
    payload: encodeErrorBody(failureOf(error)),
  });
}

/** An envelope as listeners see messages. */
export function messageOf(
  envelope: Envelope,
  sessionId: string,
): ReceivedMessage {
  const { payload, priority, tagHigh, tagLow, headers } = envelope;
  return new ReceivedMessage(
    { id: sessionId, codecs },
    payload,
    0,
    payload.length,
    priority,
    tagHigh,
    tagLow,
    headers,
  );
}

/** An envelope as listeners see requests. @param deadlineMs on the clock of `performance.now()` */
export function requestOf(
  envelope: Envelope,
  sessionId: string,
  deadlineMs: number,
): ReceivedRequest {
  const { payload, priority, tagHigh, tagLow, headers } = envelope;
  const request = new ReceivedRequest(
    { id: sessionId, codecs },
    payload,
    0,
    payload.length,
    priority,
    tagHigh,
    tagLow,
    headers,
  );
  request.deadlineMs = deadlineMs;
  return request;
}
