/** Body and options of a message as they are sent. */
import { jsonCodec, textCodec } from "../../wire/codecs.ts";
import {
  deadlineBlockBytes,
  writeDeadlineBlock,
} from "../../wire/deadline_header.ts";
import { splitTag } from "../../wire/frame_encoder.ts";
import { encodeHeaders, type MessageHeaders } from "../../wire/headers.ts";
import { FramePriority } from "../../wire/kinds.ts";
import type { WireLimits } from "../../wire/limits.ts";
import type {
  MessageBody,
  MessageOptions,
  Priority,
  RequestOptions,
} from "../message.ts";
import type { Outgoing } from "./outgoing.ts";

/** Numbers of the priorities on the wire. */
export const priorityNumber: Readonly<Record<Priority, number>> = {
  low: FramePriority.Low,
  normal: FramePriority.Normal,
  high: FramePriority.High,
};

const textHeaders = encodeHeaders({ contentType: "text/plain" });
const jsonHeaders = encodeHeaders({ contentType: "application/json" });

/** Fills in what is sent: body and options, as the peer takes them. */
export function fillOutgoing(
  outgoing: Outgoing,
  body: MessageBody,
  options: MessageOptions & { readonly idempotencyKey?: string | undefined },
  deadlineMs: number | undefined,
  limits: WireLimits | undefined,
): void {
  let contentType = options.contentType;
  let plainHeaders: Uint8Array | undefined;
  if (body instanceof Uint8Array) outgoing.payload = body;
  else if (typeof body === "string") {
    outgoing.payload = textCodec.encode(body);
    outgoing.isOwn = true;
    contentType ??= "text/plain";
    plainHeaders = textHeaders;
  } else {
    outgoing.payload = jsonCodec.encode(body);
    outgoing.isOwn = true;
    contentType ??= "application/json";
    plainHeaders = jsonHeaders;
  }
  if (options.priority !== undefined) {
    const priority = priorityNumber[options.priority];
    if (priority === undefined)
      throw new TypeError(
        `priority: given ${JSON.stringify(options.priority)}, allowed "high", "normal", "low"`,
      );
    outgoing.priority = priority;
  }
  if (options.tag !== undefined)
    [outgoing.tagHigh, outgoing.tagLow] = splitTag(options.tag);
  if (isPlain(options)) {
    if (deadlineMs === undefined) outgoing.headers = plainHeaders;
    else outgoing.headers = deadlineBlock(deadlineMs, plainHeaders);
    return;
  }
  const headers: MessageHeaders = {
    deadlineMs,
    contentType,
    subject: options.subject,
    user: options.headers,
    traceparent: options.traceparent,
    tracestate: options.tracestate,
    replyTo: options.replyTo,
    correlation: options.correlation,
    idempotencyKey: options.idempotencyKey,
  };
  const block = encodeHeaders(headers, limits);
  outgoing.headers = block.length === 0 ? undefined : block;
}

/** Whether the headers are only those that the body brings. */
function isPlain(
  options: MessageOptions & { readonly idempotencyKey?: string | undefined },
): boolean {
  return (
    options.contentType === undefined &&
    options.subject === undefined &&
    options.headers === undefined &&
    options.traceparent === undefined &&
    options.tracestate === undefined &&
    options.replyTo === undefined &&
    options.correlation === undefined &&
    options.idempotencyKey === undefined
  );
}

/** Whether a request is nothing but its body and a deadline. */
export function isBare(options: RequestOptions): boolean {
  return (
    options.signal === undefined &&
    options.priority === undefined &&
    options.tag === undefined &&
    isPlain(options)
  );
}

/** What `encodeHeaders` makes of a deadline and one more block. */
function deadlineBlock(
  deadlineMs: number,
  more: Uint8Array | undefined,
): Uint8Array {
  const block = new Uint8Array(deadlineBlockBytes + (more?.length ?? 0));
  writeDeadlineBlock(block, 0, deadlineMs);
  if (more !== undefined) block.set(more, deadlineBlockBytes);
  return block;
}
