/** Messages to send: the BODY of the command line, or each record of stdin. */
import { RecordReader, RecordRefused } from "../records/framing.ts";
import type { OptionValues } from "../command_line/options.ts";
import { decodeStrictly } from "../records/records.ts";
import { readInput } from "../standard_streams/input.ts";
import { onceAborted } from "../processes/lifecycle.ts";
import type { inputOptions } from "./client_options.ts";

/** A message to send. */
export interface SourceMessage {
  readonly body: Uint8Array | string;
  readonly contentType: string | undefined;
}

function fromRecord(
  record: Uint8Array,
  framing: OptionValues<typeof inputOptions>["inFraming"],
): SourceMessage {
  if (framing === "jsonl")
    return { body: record, contentType: "application/json" };
  // Lines are text for the other side too, as long as they are.
  if (framing === "line" && decodeStrictly(record) !== undefined)
    return { body: record, contentType: "text/plain" };
  return { body: record, contentType: undefined };
}

/** Chunks of stdin until its end or the stop: a wait for input must not outlive Ctrl-C. */
async function* chunksUntil(stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const stopped = new Promise<undefined>((resolve) =>
    onceAborted(stop, () => resolve(undefined)),
  );
  const input = readInput();
  for (;;) {
    const next = await Promise.race([input.next(), stopped]);
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

/**
 * The messages, one after the other, until they are all given or `stop` is aborted.
 *
 * @throws {CommandFailure} exit code 6 for a record that is too long or no JSON, after those before it
 */
export async function* messageSource(
  body: string | undefined,
  given: OptionValues<typeof inputOptions>,
  stop: AbortSignal,
): AsyncGenerator<SourceMessage> {
  const { count = body === undefined ? Number.POSITIVE_INFINITY : 1 } = given;
  if (body !== undefined) {
    for (let sent = 0; sent < count && !stop.aborted; sent++)
      yield { body, contentType: undefined };
    return;
  }
  const { inFraming } = given;
  const reader = new RecordReader(inFraming, given.maxMessageSize);
  let left = count;
  try {
    for await (const chunk of chunksUntil(stop)) {
      for (const record of reader.push(chunk)) {
        if (stop.aborted) return;
        yield fromRecord(record, inFraming);
        if (--left <= 0) return;
      }
    }
    if (stop.aborted) return;
    for (const record of reader.end()) {
      yield fromRecord(record, inFraming);
      if (--left <= 0) return;
    }
  } catch (error) {
    if (error instanceof RecordRefused)
      for (const record of error.taken.slice(0, left))
        yield fromRecord(record, inFraming);
    throw error;
  }
}
