/** Options and writing of messages on stdout, shared by the verbs that show them. */
import {
  framings,
  type FramedRecords,
  type Framing,
  frameRecords,
} from "../records/framing.ts";
import { valueOption } from "../command_line/options.ts";
import {
  BrokenPipe,
  stdoutIsTerminal,
  writeOut,
} from "../standard_streams/output.ts";
import {
  formatRecord,
  type OutputFormat,
  outputFormats,
  type RecordStyle,
  type ShownMessage,
} from "../records/records.ts";
import { oneOf } from "../command_line/scalars.ts";

/** `-o` and `--out-framing`. */
export const recordOptions = {
  output: valueOption(
    "-o, --output <format>",
    `${outputFormats.join(", ")}: the body, or JSON with what is known about the message`,
    oneOf(...outputFormats),
    "text",
    "text",
  ),
  outFraming: valueOption(
    "--out-framing <framing>",
    `what ends a record: ${framings.join(", ")}`,
    oneOf(...framings),
    "line",
    "line",
  ),
};

/** The style that the options ask for. */
export function recordStyle(options: {
  readonly output: OutputFormat;
  readonly outFraming: Framing;
}): RecordStyle {
  return {
    format: options.output,
    framing: options.outFraming,
    terminal: stdoutIsTerminal(),
  };
}

function frame(
  messages: readonly ShownMessage[],
  style: RecordStyle,
): FramedRecords {
  return frameRecords(
    messages.map((message) => formatRecord(message, style)),
    style.framing,
  );
}

/**
 * Writes messages whole, in one piece.
 *
 * @returns how many got through; fewer than given only when the reader of stdout is gone
 */
export async function writeBatch(
  messages: readonly ShownMessage[],
  style: RecordStyle,
): Promise<number> {
  const { bytes, ends } = frame(messages, style);
  try {
    await writeOut(bytes);
    return messages.length;
  } catch (error) {
    if (!(error instanceof BrokenPipe)) throw error;
    const through = ends.findIndex((end) => end > error.writtenBytes);
    return through < 0 ? messages.length : through;
  }
}

/** Bytes of bodies that are gathered for one write. */
const gatherBytes = 1 << 18;

/**
 * Writes any number of messages, many at a time.
 *
 * @returns how many there were
 * @throws {BrokenPipe} when the reader of stdout is gone
 */
export async function writeRecords(
  messages: Iterable<ShownMessage>,
  style: RecordStyle,
): Promise<number> {
  let count = 0;
  let pending: ShownMessage[] = [];
  let pendingBytes = 0;
  for (const message of messages) {
    count++;
    pending.push(message);
    pendingBytes += message.data.byteLength;
    if (pendingBytes < gatherBytes) continue;
    await writeOut(frame(pending, style).bytes);
    pending = [];
    pendingBytes = 0;
  }
  await writeOut(frame(pending, style).bytes);
  return count;
}
