import { existsSync } from "node:fs";
import { ExitCode, UsageError } from "../command_line/exit_codes.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { duration } from "../command_line/duration.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { filePath, integer, oneOf } from "../command_line/scalars.ts";
import { size } from "../command_line/size.ts";
import { say } from "../standard_streams/output.ts";
import {
  followName,
  freeLink,
  linkName,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";

const gibibyte = 1024 ** 3;
const dayMs = 86_400_000;

/** `create NAME`: makes a queue; without it, `push` makes one with the defaults. */
export const create = defineVerb({
  operands: ["[name]"],
  options: {
    queue: queueOption,
    maxMessages: valueOption(
      "--max-messages <count>",
      "messages it holds in any state",
      integer(1, 1_048_576),
      undefined,
      "16384",
    ),
    maxMessageSize: valueOption(
      "--max-message-size <size>",
      "largest body",
      size(1, gibibyte),
      undefined,
      "64KiB",
    ),
    maxDeliver: valueOption(
      "--max-deliver <count>",
      "deliveries before a message becomes a dead letter",
      integer(1, 255),
      undefined,
      "5",
    ),
    lease: valueOption(
      "--lease <duration>",
      "how long a taken message stays reserved",
      duration({ minMs: 1, maxMs: 7 * dayMs }),
      undefined,
      "30s",
    ),
    maxDead: valueOption(
      "--max-dead <count>",
      "dead letters kept",
      integer(1, 1_048_576),
      undefined,
      "a tenth of --max-messages",
    ),
    maxParticipants: valueOption(
      "--max-participants <count>",
      "processes that have it open at a time",
      integer(1, 4095),
      undefined,
      "256",
    ),
    maxHeadersSize: valueOption(
      "--max-headers-size <size>",
      "room for headers",
      size(0, 2048),
      undefined,
      "256",
    ),
    journal: valueOption(
      "--journal <file>",
      "keep it in this file, so that it survives a reboot",
      filePath,
    ),
    sync: valueOption(
      "--sync <when>",
      "when the journal is written: process, interval, sync",
      oneOf("process", "interval", "sync"),
      undefined,
      "process",
    ),
    reopen: switchOption(
      "--reopen",
      "start a new stream when the queue exists and has ended",
    ),
  },
  notes: `With --journal the queue lives in that file and NAME leads to it until the next reboot; afterwards use -q file:PATH, or create it again, which gives the
file that is there its name back.
--sync process survives the death of every process, interval may lose the last 100 ms on a power loss, sync writes before each push returns.`,
  examples: [
    "ringwire-queue-worker create jobs --max-messages 131072 --max-message-size 1MiB",
    "ringwire-queue-worker create orders --journal /var/lib/orders.queue --sync sync",
  ],
  run: async ({ options, operands }) => {
    const name = requireQueueName(options.queue, operands[0]);
    const { queue: _, lease, journal, sync, reopen, ...limits } = options;
    const inFile = journal !== undefined || name.startsWith("file:");
    if (sync !== undefined && !inFile)
      throw new UsageError(
        "--sync: given without a journal; needed is --journal FILE or a queue file:PATH",
      );
    if (journal !== undefined) freeLink(name, journal);
    const { CrossProcessQueue } = await import("../../src/queue/mod.ts");
    // After a reboot the file is still there and the name is gone: then the name comes back.
    const rejoins = journal !== undefined && followName(name) === name;
    const place = journal === undefined ? name : `file:${journal}`;
    const existed = journal !== undefined && existsSync(journal);
    using queue = CrossProcessQueue.create(place, {
      ...limits,
      leaseMs: lease,
      journal: inFile ? { sync } : undefined,
      reopen,
      ifExists: rejoins ? "connect" : "fail",
    });
    try {
      if (journal !== undefined) linkName(name, journal);
    } catch (error) {
      // Nobody else can have anything in a file that was made just now.
      if (!existed) queue.destroy();
      throw error;
    }
    if (rejoins && existed)
      say(
        `queue ${name} leads to the journal ${journal}, which was there already, with the limits it was created with`,
      );
    return ExitCode.done;
  },
});
