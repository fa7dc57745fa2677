/** The options of `bench`. */
import type { Invocation } from "../../command_line/command_line.ts";
import { duration, timerMsMax } from "../../command_line/duration.ts";
import { switchOption, valueOption } from "../../command_line/options.ts";
import { filePath, integer, oneOf } from "../../command_line/scalars.ts";
import { size } from "../../command_line/size.ts";
import { connectionOptions, messageOptions } from "../client_options.ts";

/** What a load test is told. */
export const benchOptions = {
  ...connectionOptions,
  ...messageOptions,
  rate: valueOption(
    "--rate <count>",
    "messages a second, whether the answers come or not (default: as many as --concurrency allows)",
    integer(1, 100_000_000),
  ),
  duration: valueOption(
    "--duration <duration>",
    "how long it is measured",
    duration({ minMs: 1, maxMs: timerMsMax }),
    10_000,
    "10s",
  ),
  warmup: valueOption(
    "--warmup <duration>",
    "how long it runs before",
    duration({ maxMs: timerMsMax }),
    1000,
    "1s",
  ),
  connections: valueOption(
    "--connections <count>",
    "connections, which take turns",
    integer(1, 10_000),
    1,
    "1",
  ),
  concurrency: valueOption(
    "-j, --concurrency <count>",
    "under way at a time on each connection; with --rate, at most",
    integer(1, 65_536),
    undefined,
    "1; with --rate 4096",
  ),
  size: valueOption(
    "--size <size>",
    "of each message",
    size(0, 2 ** 30),
    64,
    "64",
  ),
  oneWay: switchOption(
    "--one-way",
    "messages that nobody answers: a time is until the server's credit was there",
  ),
  hgrm: valueOption(
    "--hgrm <file>",
    "a file for the distribution of response times, as HdrHistogram plots it",
    filePath,
  ),
  compare: valueOption(
    "--compare <file>",
    "an earlier -o json: exit code 1 when this run is worse",
    filePath,
  ),
  tolerance: valueOption(
    "--tolerance <percent>",
    "how much worse than --compare is still fine",
    integer(0, 10_000),
    20,
    "20",
  ),
  output: valueOption(
    "-o, --output <format>",
    "text, json",
    oneOf("text", "json"),
    "text",
    "text",
  ),
};

/** How `bench` was called. */
export type BenchInvocation = Invocation<typeof benchOptions>;
/** The values of its options. */
export type BenchValues = BenchInvocation["options"];
