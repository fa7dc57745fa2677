/** Messages that have come, as records on stdout. */
import type { IncomingMessage } from "../../src/transport/message.ts";
import { frameRecords } from "../records/framing.ts";
import {
  bodyMember,
  formatBody,
  type RecordStyle,
} from "../records/records.ts";
import { writeOut } from "../standard_streams/output.ts";

const encoder = new TextEncoder();

function messageJson(message: IncomingMessage): string {
  const { subject, contentType, correlation, replyTo, user } = message.headers;
  const members = [`"tag":${message.tag}`];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) members.push(`"${name}":${JSON.stringify(value)}`);
  };
  add("subject", subject);
  members.push(`"priority":"${message.priority}"`);
  add("content_type", contentType);
  add("correlation", correlation);
  add("reply_to", replyTo);
  members.push(`"headers":${JSON.stringify(user ?? {})}`);
  members.push(bodyMember(message.payload));
  return `{${members.join(",")}}`;
}

/** The record of a message, without the framing's terminator. */
function formatMessage(
  message: IncomingMessage,
  style: RecordStyle,
): Uint8Array {
  return style.format === "json" || style.format === "jsonl"
    ? encoder.encode(messageJson(message))
    : formatBody(message.payload, style);
}

/** Writes messages whole, in one piece. @throws {BrokenPipe} when the reader of stdout is gone */
export function writeMessages(
  messages: readonly IncomingMessage[],
  style: RecordStyle,
): Promise<void> {
  const records = messages.map((message) => formatMessage(message, style));
  return writeOut(frameRecords(records, style.framing).bytes);
}
