import type { CrossProcessQueue, DeadLetter } from "../../src/queue/mod.ts";
import { defineVerb, type Verb } from "../command_line/command_line.ts";
import {
  CommandFailure,
  ExitCode,
  UsageError,
} from "../command_line/exit_codes.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { printOut } from "../standard_streams/output.ts";
import { escapeControls, outputFormats } from "../records/records.ts";
import { oneOf } from "../command_line/scalars.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  openQueue,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";
import { writeRecords } from "./record_output.ts";
import { recordOptions, recordStyle } from "../records/record_options.ts";

/** Characters of a body or note in a listing. */
const excerptLength = 60;

function excerpt(text: string): string {
  const line = escapeControls(text.trim().split("\n", 1)[0] ?? "");
  return line.length > excerptLength
    ? `${line.slice(0, excerptLength - 1)}…`
    : line;
}

function parseId(text: string): bigint {
  if (!/^\d{1,20}$/.test(text))
    throw new UsageError(
      `dead letter id: given ${JSON.stringify(text)}, allowed is a whole number as dlq ls shows it`,
    );
  return BigInt(text);
}

/** The dead letters with these ids, in the order of the queue. @throws {CommandFailure} exit code 3 when one is not there */
function select(
  queue: CrossProcessQueue,
  operands: readonly string[],
): DeadLetter[] {
  const wanted = new Set(operands.map(parseId));
  const found = [...queue.deadLetters()].filter((letter) =>
    wanted.delete(letter.id),
  );
  const [missing] = wanted;
  if (missing !== undefined)
    throw new CommandFailure(
      ExitCode.nothingThere,
      `there is no dead letter ${missing}`,
    );
  return found;
}

const jsonOption = valueOption(
  "-o, --output <format>",
  "text, json, jsonl",
  oneOf("text", "json", "jsonl"),
  "text",
  "text",
);

/** `dlq ls`: one line for each dead letter. */
export const dlqLs = defineVerb({
  options: { queue: queueOption, output: jsonOption },
  examples: ["ringwire-queue-worker dlq ls -q jobs"],
  run: async ({ options }) => {
    using queue = await openQueue(requireQueueName(options.queue), {
      observe: true,
    });
    const letters = [...queue.deadLetters()];
    if (options.output !== "text") {
      const style = {
        format: options.output,
        framing: "line",
        terminal: false,
      } as const;
      await writeRecords(letters, style);
      return ExitCode.done;
    }
    const rows = letters.map((letter) => [
      `${letter.id}`,
      `${letter.attempts}`,
      new Date(letter.timestamp).toISOString(),
      excerpt(letter.note),
      excerpt(letter.text()),
    ]);
    if (rows.length > 0)
      await printOut(
        formatTable(["ID", "ATTEMPTS", "ENQUEUED", "REASON", "BODY"], rows),
      );
    return ExitCode.done;
  },
});

function headerLines(letter: DeadLetter): string[] {
  try {
    return Object.entries(letter.headers).map(
      ([key, value]) => `header:   ${escapeControls(`${key}: ${value}`)}\n`,
    );
  } catch (error) {
    // They may be why it is a dead letter.
    return [`headers:  ${error instanceof Error ? error.message : error}\n`];
  }
}

function describe(letter: DeadLetter): string {
  const headers = headerLines(letter);
  const note = escapeControls(letter.note).replace(/\n*$/, "\n");
  return `id:       ${letter.id}\nattempts: ${letter.attempts}\nenqueued: ${new Date(letter.timestamp).toISOString()}\n${headers.join("")}reason:   ${note}body:     ${letter.data.byteLength} bytes\n${escapeControls(letter.text()).replace(/\n?$/, "\n")}`;
}

/** `dlq show`: everything about some dead letters. */
export const dlqShow = defineVerb({
  operands: ["<id...>"],
  operandShapes: [{ kind: "dead-letter" }],
  options: { queue: queueOption, output: jsonOption },
  examples: ["ringwire-queue-worker dlq show -q jobs 17"],
  run: async ({ options, operands }) => {
    using queue = await openQueue(requireQueueName(options.queue), {
      observe: true,
    });
    const letters = select(queue, operands);
    if (options.output === "text")
      await printOut(letters.map(describe).join("\n"));
    else
      await writeRecords(letters, {
        format: options.output,
        framing: "line",
        terminal: false,
      });
    return ExitCode.done;
  },
});

function changeVerb(action: "retry" | "drop", notes: string): Verb {
  return defineVerb({
    operands: ["[id...]"],
    operandShapes: [{ kind: "dead-letter" }],
    options: {
      queue: queueOption,
      all: switchOption("--all", "all dead letters of the queue"),
    },
    notes,
    examples: [
      `ringwire-queue-worker dlq ${action} -q jobs 17 18`,
      `ringwire-queue-worker dlq ${action} -q jobs --all`,
    ],
    run: async ({ options, operands }) => {
      const name = requireQueueName(options.queue);
      if (options.all === operands.length > 0)
        throw new UsageError(
          `dlq ${action}: needed is either --all or ids as dlq ls shows them`,
        );
      using queue = await openQueue(name, { participantName: `dlq ${action}` });
      const letters = options.all
        ? [...queue.deadLetters()]
        : select(queue, operands);
      const changed = letters.filter((letter) => letter[action]()).length;
      // With --all somebody else's being faster is no failure: the letter is where it should be.
      if (!options.all && changed < letters.length) return ExitCode.someFailed;
      return ExitCode.done;
    },
  });
}

/** `dlq retry`: back to the queue, with all attempts before them. */
export const dlqRetry = changeVerb(
  "retry",
  "They go back to the queue, with all of their attempts again.",
);

/** `dlq drop`: gone for good. */
export const dlqDrop = changeVerb(
  "drop",
  "They are gone for good; `stat` counts them.",
);

/** `dlq export`: all dead letters on stdout. */
export const dlqExport = defineVerb({
  options: {
    queue: queueOption,
    output: valueOption(
      "-o, --output <format>",
      outputFormats.join(", "),
      oneOf(...outputFormats),
      "jsonl",
      "jsonl",
    ),
    outFraming: recordOptions.outFraming,
  },
  notes: "They stay in the queue.",
  examples: [
    "ringwire-queue-worker dlq export -q scan -o jsonl | jq -c 'select(.attempts > 3)'",
  ],
  run: async ({ options }) => {
    using queue = await openQueue(requireQueueName(options.queue), {
      observe: true,
    });
    const style = recordStyle(options);
    await writeRecords(queue.deadLetters(), style);
    return ExitCode.done;
  },
});
