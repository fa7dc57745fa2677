/** Options and writing of messages on stdout, shared by the verbs that show them. */
import { framings, type Framing, frameRecords } from "../shared/framing.ts";
import { valueOption } from "../shared/options.ts";
import { BrokenPipe, stdoutIsTerminal, writeOut } from "../shared/output.ts";
import {
  formatRecord,
  type OutputFormat,
  outputFormats,
  type RecordStyle,
  type ShownMessage,
} from "../shared/records.ts";
import { oneOf } from "../shared/scalars.ts";

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

/**
 * Writes messages whole, one after the other.
 *
 * @returns how many got through; fewer than given only when the reader of stdout is gone
 */
export async function writeRecords(
  messages: readonly ShownMessage[],
  style: RecordStyle,
): Promise<number> {
  const { bytes, ends } = frameRecords(
    messages.map((message) => formatRecord(message, style)),
    style.framing,
  );
  try {
    await writeOut(bytes);
    return messages.length;
  } catch (error) {
    if (!(error instanceof BrokenPipe)) throw error;
    const through = ends.findIndex((end) => end > error.writtenBytes);
    return through < 0 ? messages.length : through;
  }
}
