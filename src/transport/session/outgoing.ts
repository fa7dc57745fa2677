/** A message on its way out, and what makes one of a body. */
import { textCodec, jsonCodec } from "../../wire/codecs.ts";
import type { FragmentWriter } from "../../wire/fragments.ts";
import { frameHeaderBytes, frameLengthBytes } from "../../wire/frame.ts";
import { splitTag, writePlainFrame } from "../../wire/frame_encoder.ts";
import { encodeHeaders, type MessageHeaders } from "../../wire/headers.ts";
import { FramePriority } from "../../wire/kinds.ts";
import type { WireLimits } from "../../wire/limits.ts";
import type { MessageBody, MessageOptions, Priority } from "../message.ts";
import { WheelEntry } from "./timer_wheel.ts";

const nothing = new Uint8Array(0);

/** A message that waits, is being sent in fragments, or is kept until the peer has accepted it. */
export class Outgoing extends WheelEntry {
  kind = 0;
  /** `FrameFlag.Compressed` or 0. */
  flags = 0;
  priority: number = FramePriority.Normal;
  id = 0;
  tagHigh = 0;
  tagLow = 0;
  headers: Uint8Array | undefined = undefined;
  payload: Uint8Array = nothing;
  /** 0 until its first frame is written. */
  sequence = 0;
  /** When it is sent in fragments. */
  writer: FragmentWriter | undefined = undefined;
  /** When it went into the replay buffer, on the session's clock. */
  keptAtMs = 0;
  /** Whether its payload is memory of its own. */
  isOwn = false;
  /** It is not to be sent any more. */
  isGone = false;
  /** Called once: without an error when all of it was taken under the peer's credit, else with why it never will be. */
  settle: ((error?: unknown) => void) | undefined = undefined;
  /** Called at its deadline. */
  onExpired: (() => void) | undefined = undefined;

  /** What it counts for in the bounds of queues. */
  get sizeBytes(): number {
    return this.payload.length + (this.headers?.length ?? 0) + 64;
  }

  override expired(): void {
    this.onExpired?.();
  }
}

/** Bytes of a batch. */
const batchBytes = 32_768;

/** Payloads up to this go into batches: no receiver has less for a frame. */
export const batchedPayloadBytesMax = 1024;

/** Small messages without headers that wait, as the frames that they become: thousands of them cost hardly more than their bytes. */
export class Batch extends Outgoing {
  readonly bytes: Uint8Array = new Uint8Array(batchBytes);
  /** Where the next frame to be sent begins. */
  start = 0;
  end = 0;
  /** Frames that wait. */
  count = 0;

  override get sizeBytes(): number {
    return this.end - this.start;
  }

  /** Adds a frame. Returns whether there was room. */
  add(kind: number, id: number, payload: Uint8Array): boolean {
    const sizeBytes = frameHeaderBytes + payload.length;
    if (this.end + sizeBytes > batchBytes) return false;
    writePlainFrame(
      this.bytes,
      this.end,
      kind,
      this.priority,
      id,
      0,
      0,
      payload,
    );
    this.end += sizeBytes;
    this.count += 1;
    return true;
  }

  /** Bytes of the frame that begins there. */
  frameBytes(at: number): number {
    const { bytes } = this;
    return (
      ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0) + frameLengthBytes
    );
  }
}

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

/** What `encodeHeaders` makes of a deadline, without its cost: every request has one. */
function deadlineBlock(
  deadlineMs: number,
  more: Uint8Array | undefined,
): Uint8Array {
  const block = new Uint8Array(7 + (more?.length ?? 0));
  block[0] = 1;
  block[2] = 4;
  block[3] = deadlineMs >>> 24;
  block[4] = deadlineMs >>> 16;
  block[5] = deadlineMs >>> 8;
  block[6] = deadlineMs;
  if (more !== undefined) block.set(more, 7);
  return block;
}

/** Makes the payload memory of the message's own. */
export function ownPayload(outgoing: Outgoing): void {
  if (outgoing.isOwn || outgoing.writer !== undefined) return;
  outgoing.payload = outgoing.payload.slice();
  outgoing.isOwn = true;
}
