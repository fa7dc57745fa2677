/** Who can be asked: whoever is behind the control sockets of this user. */
import type { z } from "zod";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { callControl, ControlGone } from "./control_client.ts";
import {
  type ControlEntry,
  type ControlRoom,
  listControls,
} from "./control_place.ts";

/** What every report has. */
interface AnyReport {
  readonly name: string;
  readonly pid: number;
}

/** Somebody with a control socket. */
export interface Found<Report extends AnyReport> {
  readonly path: string;
  readonly name: string;
  /** Of its own process-id namespace; 0 when nobody said it. */
  readonly pid: number;
  /** What it says of itself, or why there is nothing: no answer in time, or one that nobody understands. */
  readonly answer: Report | { readonly kind: "none"; readonly reason: string };
}

/** Where to look. */
export interface SearchRequest {
  /** For each answer, in milliseconds; all are asked at the same time. */
  readonly timeoutMs: number;
  /** Only this socket. @default those in their usual place */
  readonly path?: string | undefined;
  /** Only those that may have one of these names or process numbers: others need not be waited for. @default all */
  readonly names?: readonly string[];
}

async function ask<Report extends AnyReport>(
  entry: Pick<ControlEntry, "path"> & Partial<ControlEntry>,
  schema: z.ZodType<Report>,
  timeoutMs: number,
): Promise<Found<Report> | undefined> {
  const known = {
    path: entry.path,
    name: entry.name ?? entry.path,
    pid: entry.pid ?? 0,
  };
  try {
    const { status, body } = await callControl(
      entry.path,
      "GET",
      "/status",
      undefined,
      { timeoutMs },
    );
    const answer = schema.safeParse(body);
    if (status === 200 && answer.success)
      return {
        path: entry.path,
        name: answer.data.name,
        pid: answer.data.pid,
        answer: answer.data,
      };
    const reason = `answers /status with ${status} and nothing that is understood here`;
    return { ...known, answer: { kind: "none", reason } };
  } catch (error) {
    if (error instanceof ControlGone) return undefined;
    // Those in their usual place are our own; this one was named, and is somebody else's.
    if (
      entry.pid === undefined &&
      error instanceof CommandFailure &&
      error.exitCode === ExitCode.notAllowed
    )
      throw error;
    const text = error instanceof Error ? error.message : String(error);
    const reason = text.replace(`${entry.path}: `, "");
    return { ...known, answer: { kind: "none", reason } };
  }
}

function mayBeNamed(entry: ControlEntry, names: readonly string[]): boolean {
  return (
    entry.name === undefined ||
    names.length === 0 ||
    names.includes(entry.name) ||
    names.includes(`${entry.pid}`)
  );
}

/**
 * Asks everybody of one kind, by name and process number. Sockets of the dead are removed on the way.
 *
 * @throws {CommandFailure} when the directory of the sockets is not this user's alone, or `path` is another user's
 */
export async function searchControls<Report extends AnyReport>(
  room: ControlRoom,
  schema: z.ZodType<Report>,
  request: SearchRequest,
): Promise<Found<Report>[]> {
  const entries =
    request.path === undefined
      ? listControls(room).filter((entry) =>
          mayBeNamed(entry, request.names ?? []),
        )
      : [{ path: request.path }];
  const found = await Promise.all(
    entries.map((entry) => ask(entry, schema, request.timeoutMs)),
  );
  return found
    .filter((each) => each !== undefined)
    .sort((a, b) =>
      a.name === b.name ? a.pid - b.pid : a.name < b.name ? -1 : 1,
    );
}
