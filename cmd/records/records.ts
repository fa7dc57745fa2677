/** How a message looks on stdout: its bytes as they are, or a line of JSON with what is known about it. */
import type { Framing } from "./framing.ts";

/** The names of the output formats, in the order of the help. */
export const outputFormats = ["text", "json", "jsonl", "raw"] as const;

/**
 * `raw` is the body byte by byte; `text` too, but on a terminal control characters are escaped. `json` and `jsonl` are
 * an object per message, one a line.
 */
export type OutputFormat = (typeof outputFormats)[number];

/** The part of a message that is shown; the queue's messages, jobs and dead letters have it. */
export interface ShownMessage {
  readonly id: bigint;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempts: number;
  /** Wall clock in milliseconds. */
  readonly timestamp: number;
  readonly priority?: string;
  /** A dead letter's reason and the end of its worker's stderr. */
  readonly note?: string;
}

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/** UTF-8 text, or undefined when the bytes are something else. */
export function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function isJsonContainer(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * The JSON of a body. An object or array goes in as it is, so that `jq .data.field` works; any other text is a string,
 * also a number, because its digits could not all be kept.
 */
function bodyJson(text: string): string {
  // Line feeds in valid JSON are white space between tokens: a space means the same and keeps the record on its line.
  return isJsonContainer(text)
    ? text.trim().replace(/[\r\n]/g, " ")
    : JSON.stringify(text);
}

/** The body's member of a JSON object: `"data":…`, or `"data_base64":…` when it is not UTF-8. */
export function bodyMember(data: Uint8Array): string {
  const text = decodeStrictly(data);
  if (text === undefined)
    return `"data_base64":${JSON.stringify(Buffer.from(data).toString("base64"))}`;
  return `"data":${bodyJson(text)}`;
}

/** Others may write anything into a segment: what cannot be read is said, and costs nobody the message. */
function headersMember(message: ShownMessage): string {
  try {
    return `"headers":${JSON.stringify(message.headers)}`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `"headers":{},"headers_error":${JSON.stringify(reason)}`;
  }
}

function messageJson(message: ShownMessage): string {
  const members = [`"id":${message.id}`];
  if (message.priority !== undefined)
    members.push(`"priority":"${message.priority}"`);
  members.push(
    `"attempts":${message.attempts}`,
    `"enqueued_ms":${message.timestamp}`,
  );
  members.push(headersMember(message));
  if (message.note !== undefined)
    members.push(`"note":${JSON.stringify(message.note)}`);
  members.push(bodyMember(message.data));
  return `{${members.join(",")}}`;
}

const controls = /(?![\t\n])\p{Cc}/gu;

/** Makes control characters visible, so that a body cannot steer the terminal. Tab and line feed stay. */
export function escapeControls(text: string): string {
  return text.replace(
    controls,
    (character) =>
      `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** What decides how a record looks. */
export interface RecordStyle {
  readonly format: OutputFormat;
  readonly framing: Framing;
  /** Whether people read it as it comes. */
  readonly terminal: boolean;
}

/** The record of a body alone, for formats other than JSON, without the framing's terminator. */
export function formatBody(data: Uint8Array, style: RecordStyle): Uint8Array {
  if (style.framing === "jsonl") {
    const text = decodeStrictly(data);
    return encoder.encode(
      text === undefined ? `{${bodyMember(data)}}` : bodyJson(text),
    );
  }
  if (style.format === "text" && style.terminal)
    return encoder.encode(escapeControls(new TextDecoder().decode(data)));
  return data;
}

/** The record of one message, without the framing's terminator. */
export function formatRecord(
  message: ShownMessage,
  style: RecordStyle,
): Uint8Array {
  if (style.format === "json" || style.format === "jsonl")
    return encoder.encode(messageJson(message));
  return formatBody(message.data, style);
}
