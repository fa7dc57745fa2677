import { roomHeader, roomSubjects } from "../../src/routes/room_subjects.ts";
import { z } from "zod";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import {
  CommandFailure,
  ExitCode,
  UsageError,
} from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { nonEmpty, oneOf } from "../command_line/scalars.ts";
import { StopRequests } from "../processes/lifecycle.ts";
import { printOut } from "../standard_streams/output.ts";
import {
  connectionOptions,
  inputOptions,
  messageOptions,
} from "./client_options.ts";
import { failureOf } from "./failure.ts";
import { messageSource } from "./message_source.ts";
import { messageValues, openClient } from "./open_client.ts";

const { subject: _, ...withoutSubject } = messageOptions;

const options = {
  ...connectionOptions,
  ...withoutSubject,
  ...inputOptions,
  room: valueOption(
    "--room <room>",
    "to those in this room",
    nonEmpty,
    undefined,
    "to everybody",
  ),
  output: valueOption(
    "-o, --output <format>",
    "text, json: json prints what became of each",
    oneOf("text", "json"),
    "text",
    "text",
  ),
};

const result = z.object({ sent: z.number(), dropped: z.number() });

async function run({
  options: given,
  operands: [url = "", body],
}: Invocation<typeof options>): Promise<number> {
  if (given.header.some(([key]) => key === roomHeader))
    throw new UsageError(`--header ${roomHeader}: needed is --room`);
  using stop = new StopRequests();
  let done = 0;
  let dropped = 0;
  try {
    await using client = await openClient(url, given, { signal: stop.stop });
    const common = messageValues({ ...given, subject: roomSubjects.broadcast });
    const headers = {
      ...common.headers,
      ...(given.room === undefined ? {} : { [roomHeader]: given.room }),
    };
    for await (const { body: data, contentType } of messageSource(
      body,
      given,
      stop.stop,
    )) {
      const answer = await client.request(data, {
        ...common,
        headers,
        contentType:
          contentType ?? (typeof data === "string" ? "text/plain" : undefined),
        timeoutMs: given.timeout,
        signal: stop.stop,
      });
      const counts = result.parse(answer.json());
      if (given.output === "json")
        await printOut(`${JSON.stringify(counts)}\n`);
      dropped += counts.dropped;
      done++;
    }
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    const failed = failureOf(error);
    throw new CommandFailure(
      failed.exitCode,
      done === 0
        ? failed.message
        : `${failed.message}; ${done} messages were broadcast before`,
      { cause: error },
    );
  }
  return stop.exitCode ?? (dropped > 0 ? ExitCode.someFailed : ExitCode.done);
}

/** `broadcast URL [BODY]`: to everybody who is connected to that server, or to a room. */
export const broadcast = defineVerb({
  operands: ["<url>", "[body]"],
  options,
  notes: `Without BODY, each record of stdin is a message. Nobody may be there: that is no failure. Exit code 0: all went out; 7: somebody was too slow for one;
the others as for request.`,
  examples: [
    "ringwire-client broadcast tcp://127.0.0.1:8080 'stopping at noon'",
    "tail -F prices.jsonl | ringwire-client broadcast ws://127.0.0.1:8081 --room prices --in-framing jsonl",
  ],
  run,
});
