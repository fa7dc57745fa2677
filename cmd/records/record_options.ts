/** How records are written: the options for it, the same for all verbs that show messages. */
import { valueOption } from "../command_line/options.ts";
import { oneOf } from "../command_line/scalars.ts";
import { stdoutIsTerminal } from "../standard_streams/output.ts";
import { type Framing, framings } from "./framing.ts";
import {
  type OutputFormat,
  outputFormats,
  type RecordStyle,
} from "./records.ts";

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
