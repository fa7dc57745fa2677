/** Which workers and daemons a verb is about: the options for it, and the choice. */
import { parsePlace } from "../../src/queue/place.ts";
import { parseControlPath } from "../control/control_place.ts";
import type { FoundControl } from "../control/found_controls.ts";
import {
  CommandFailure,
  ExitCode,
  UsageError,
} from "../command_line/exit_codes.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { say } from "../standard_streams/output.ts";
import { escapeControls } from "../records/records.ts";
import { oneOf } from "../command_line/scalars.ts";
import { shaped } from "../command_line/value_shape.ts";
import { queueOption } from "../queues/open_queue.ts";

/** `-q`, `--all`, `--control` and `-o`, the same for all verbs about workers. */
export const targetOptions = {
  queue: queueOption,
  all: switchOption("--all", "all of this user's"),
  control: valueOption(
    "--control <path>",
    "the one that was started with this --control",
    shaped(parseControlPath, { kind: "file" }),
  ),
  output: valueOption(
    "-o, --output <format>",
    "text, json",
    oneOf("text", "json"),
    "text",
    "text",
  ),
};

/** Who is meant; without anything, everybody. */
export interface TargetChoice {
  /** Names, or process numbers. */
  readonly names: readonly string[];
  readonly queue: string | undefined;
}

/** The queue that it works on; undefined for a daemon and for who does not answer. */
export function queueOf(control: FoundControl): string | undefined {
  return control.answer.kind === "work" ? control.answer.queue : undefined;
}

/** The process number for a table. */
export function pidText({ pid }: FoundControl): string {
  return pid === 0 ? "-" : `${pid}`;
}

/** `NAME (PID, queue QUEUE)`, harmless on a terminal. */
export function describeControl(control: FoundControl): string {
  const { answer } = control;
  const what =
    answer.kind === "work"
      ? `, queue ${answer.queue}`
      : answer.kind === "daemon"
        ? ", daemon"
        : "";
  return escapeControls(`${control.name} (${pidText(control)}${what})`);
}

function hasName(control: FoundControl, name: string): boolean {
  return control.name === name || String(control.pid) === name;
}

function sameQueue(one: string, other: string): boolean {
  try {
    return parsePlace(one).path === parsePlace(other).path;
  } catch {
    return one === other;
  }
}

/** Those that are meant, and names that nobody has. */
export interface Targets {
  readonly chosen: readonly FoundControl[];
  readonly missing: readonly string[];
}

/**
 * Chooses. Who does not answer is chosen by name only, since nobody knows what it works on.
 *
 * @throws {CommandFailure} exit code 3 when nobody is left
 */
export function chooseTargets(
  found: readonly FoundControl[],
  { names, queue }: TargetChoice,
): Targets {
  const missing = names.filter(
    (name) => !found.some((control) => hasName(control, name)),
  );
  for (const name of missing) say(`there is no worker or daemon ${name}`);
  const chosen = found.filter((control) => {
    if (names.length > 0 && !names.some((name) => hasName(control, name)))
      return false;
    if (queue === undefined) return true;
    const works = queueOf(control);
    return works !== undefined && sameQueue(works, queue);
  });
  if (queue !== undefined)
    for (const control of found)
      if (control.answer.kind === "none")
        say(
          `${describeControl(control)}: ${control.answer.reason}; whether it works on ${queue} is not known`,
        );
  if (chosen.length > 0) return { chosen, missing };
  throw new CommandFailure(
    ExitCode.nothingThere,
    queue === undefined
      ? names.length === 0
        ? "no worker or daemon of this user has a control socket"
        : "none of them is there"
      : `no worker works on ${queue}${names.length === 0 ? "" : " by that name"}`,
  );
}

/** Nobody shall drain everything by leaving a word out. @throws {UsageError} */
export function requireSome(
  names: readonly string[],
  options: {
    readonly queue?: string | undefined;
    readonly control: string | undefined;
    readonly all: boolean;
  },
): void {
  if (
    names.length === 0 &&
    options.queue === undefined &&
    options.control === undefined &&
    !options.all
  )
    throw new UsageError(
      "nobody is named; needed is a NAME, -q QUEUE, --control PATH or --all",
    );
}
