/** From the name on the command line to an open queue. */
import { lstatSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { resolve } from "node:path";
import type { CreateOptions, CrossProcessQueue } from "../../src/queue/mod.ts";
import {
  QueueExistsError,
  QueueNotFoundError,
} from "../../src/queue/errors.ts";
import { parsePlace } from "../../src/queue/place.ts";
import { UsageError } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { say } from "../standard_streams/output.ts";
import { Refused } from "../command_line/refused.ts";
import { shaped, type ValueParser } from "../command_line/value_shape.ts";

const allowedNames =
  "1 to 200 characters of A-Z a-z 0-9 . _ - not beginning with a dot, or file:PATH";

/** Accepts a name or `file:PATH`. */
export function parseQueueName(text: string): string {
  try {
    return parsePlace(text).name;
  } catch (error) {
    if (error instanceof TypeError) throw new Refused(text, allowedNames);
    throw error;
  }
}

/** `parseQueueName` as the value of an option. */
export const queueName: ValueParser<string> = shaped(parseQueueName, {
  kind: "queue",
});

/** `-q`, the same for every verb. */
export const queueOption = valueOption(
  "-q, --queue <name>",
  "the queue: a name in shared memory, or file:PATH",
  queueName,
);

/**
 * The queue's name, from `-q` or as the operand.
 *
 * @throws {UsageError} when there is none, or there are two
 */
export function requireQueueName(
  option: string | undefined,
  operand?: string,
): string {
  if (operand !== undefined && option !== undefined && operand !== option) {
    throw new UsageError(
      `two queues are given, -q ${option} and ${operand}; allowed is one`,
    );
  }
  if (operand !== undefined) {
    try {
      return parseQueueName(operand);
    } catch (error) {
      if (error instanceof Refused)
        throw new UsageError(`queue name: ${error.message}`, { cause: error });
      throw error;
    }
  }
  if (option === undefined)
    throw new UsageError(
      "no queue is given; needed is -q NAME or -q file:PATH",
    );
  return option;
}

/** The link that lets a journalled queue be called by a name; undefined for `file:PATH`. */
function linkOf(name: string): string | undefined {
  const place = parsePlace(name);
  return place.kind === "memory" ? place.path : undefined;
}

/** What a name really means: `create NAME --journal FILE` leaves a link of ours behind. */
export function followName(name: string): string {
  const link = linkOf(name);
  if (link === undefined) return name;
  const found = lstatSync(link, { throwIfNoEntry: false });
  // Anybody may make links in /dev/shm: only our own count.
  if (found?.isSymbolicLink() !== true || found.uid !== process.getuid?.())
    return name;
  return `file:${readlinkSync(link)}`;
}

function isTaken(name: string): QueueExistsError {
  return new QueueExistsError(`${name}: the name is taken by another queue`, {
    queue: name,
  });
}

/**
 * The link that is still to be made for the journalled queue at `file`; undefined when it is there.
 *
 * @throws {UsageError} when `name` cannot be a link
 * @throws {QueueExistsError} when it is taken by anything else
 */
export function freeLink(name: string, file: string): string | undefined {
  const link = linkOf(name);
  if (link === undefined)
    throw new UsageError(
      `--journal: ${name} is a file already; allowed is a plain name, or no --journal`,
    );
  if (followName(name) === `file:${resolve(file)}`) return undefined;
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined)
    throw isTaken(name);
  return link;
}

/** Gives the journalled queue at `file` a name. @throws what `freeLink` throws, and what making a link throws */
export function linkName(name: string, file: string): void {
  const link = freeLink(name, file);
  if (link === undefined) return;
  try {
    symlinkSync(resolve(file), link);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw isTaken(name);
    throw error;
  }
}

/** Removes the link again, if there is one. */
export function unlinkName(name: string): void {
  const link = linkOf(name);
  if (link !== undefined && followName(name) !== name)
    rmSync(link, { force: true });
}

/** How to connect. */
export interface OpenRequest {
  /** Only look; no participant. @default false */
  readonly observe?: boolean;
  /** Shown by `stat`. @default the verb's name */
  readonly participantName?: string;
  /** Nobody else may take messages beside it. @default false */
  readonly exclusive?: boolean;
}

/** Connects. @throws {QueueNotFoundError} and what else connecting throws */
export async function openQueue(
  name: string,
  request: OpenRequest = {},
): Promise<CrossProcessQueue> {
  const { CrossProcessQueue } = await import("../../src/queue/mod.ts");
  return CrossProcessQueue.connect(followName(name), request);
}

/**
 * Connects, or creates the queue with the defaults, which is said on stderr.
 *
 * @param options what is not to be the default. @default nothing
 * @throws what either throws
 */
export async function openOrCreate(
  name: string,
  participantName: string,
  options: Pick<CreateOptions, "maxHeadersSize"> = {},
): Promise<CrossProcessQueue> {
  try {
    return await openQueue(name, { participantName });
  } catch (error) {
    if (!(error instanceof QueueNotFoundError)) throw error;
  }
  const { CrossProcessQueue } = await import("../../src/queue/mod.ts");
  // Somebody else may be creating it at this moment: either is fine.
  const queue = CrossProcessQueue.create(followName(name), {
    ...options,
    participantName,
    ifExists: "connect",
  });
  const { maxMessages, maxMessageSize } = queue.info;
  say(
    `queue ${name} did not exist: created for ${maxMessages} messages of up to ${maxMessageSize} bytes`,
  );
  return queue;
}
