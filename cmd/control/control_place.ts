/** Where control sockets are: `<queue directory>/.ringwire-UID/ROOM/NAME.PID.sock`. */
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { sharedMemoryDirectory } from "../../src/queue/place.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { Refused } from "../command_line/refused.ts";

/** Who keeps to themselves: workers and daemons are in `control`, servers in `servers`. */
export type ControlRoom = "control" | "servers";

/** Longest path of a unix socket: `sun_path` has 108 bytes, and one is the end. */
const pathBytesMax = 107;
/** Begins what stands for a name that is too long; a name itself never does. */
const hashMark = "~";
const fileName = /^([^.~][^/]*|~[0-9a-f]{12})\.(\d{1,10})(?:-\d)?\.sock$/;

/** A socket that was found; whether somebody listens there is known when it is asked. */
export interface ControlEntry {
  readonly path: string;
  /** Undefined when it was too long for the path; the report has it. */
  readonly name: string | undefined;
  /** In the process-id namespace of its owner. */
  readonly pid: number;
}

function isTooLong(path: string): boolean {
  return Buffer.byteLength(path) > pathBytesMax;
}

/** Accepts a path for `--control`. @throws {Refused} */
export function parseControlPath(text: string): string {
  if (text === "" || text.includes("\0") || text.endsWith("/"))
    throw new Refused(text, "the path of a socket");
  // The name that the socket has while it is made is not much longer.
  if (isTooLong(text) || isTooLong(newSocketPath(text)))
    throw new Refused(
      text,
      `a path of at most ${pathBytesMax} bytes, and its directory of at most ${pathBytesMax - newSocketName.length - 1}`,
    );
  return text;
}

const newSocketName = `.new-${process.pid}`;

/** The name that a socket has until somebody listens on it, so that nobody takes it for a dead one. */
export function newSocketPath(path: string): string {
  return join(path, "..", newSocketName);
}

function encodeName(name: string): string {
  const encoded = encodeURIComponent(name).replace(
    /[!~*'()]|^\./g,
    (character) =>
      `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return encoded;
}

function decodeName(encoded: string): string | undefined {
  if (encoded.startsWith(hashMark)) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function userId(): number {
  return process.geteuid?.() ?? 0;
}

/** The directory of the sockets of this user. */
export function controlDirectory(room: ControlRoom = "control"): string {
  return join(sharedMemoryDirectory(), `.ringwire-${userId()}`, room);
}

/**
 * Where the worker of that name and process listens. `turn` tells apart processes of one number, which only different
 * namespaces can have.
 *
 * @throws {CommandFailure} when the queue directory's own path leaves no room
 */
export function controlPath(
  name: string,
  pid: number,
  turn = 1,
  room: ControlRoom = "control",
): string {
  const rest = turn === 1 ? `${pid}.sock` : `${pid}-${turn}.sock`;
  const path = join(controlDirectory(room), `${encodeName(name)}.${rest}`);
  if (!isTooLong(path)) return path;
  const hash = Bun.SHA256.hash(name, "hex").slice(0, 12);
  const short = join(controlDirectory(room), `${hashMark}${hash}.${rest}`);
  if (isTooLong(short))
    throw new CommandFailure(
      ExitCode.failed,
      `${short} is too long for a unix socket; allowed are ${pathBytesMax} bytes`,
    );
  return short;
}

/** @throws {CommandFailure} when others could get at what is in it */
function checkDirectory(path: string): void {
  const found = lstatSync(path);
  const wrong = !found.isDirectory()
    ? "it is no directory"
    : found.uid !== userId()
      ? `it belongs to user ${found.uid}`
      : (found.mode & 0o077) !== 0
        ? `its mode is 0${(found.mode & 0o777).toString(8)}`
        : undefined;
  if (wrong !== undefined)
    throw new CommandFailure(
      ExitCode.notAllowed,
      `${path} must be a directory of user ${userId()} with mode 0700: ${wrong}`,
    );
}

function parents(room: ControlRoom): readonly string[] {
  const directory = controlDirectory(room);
  return [join(directory, ".."), directory];
}

/** Makes the directory of the sockets unless it is there. @throws {CommandFailure} when it is not ours alone */
export function makeControlDirectory(room: ControlRoom = "control"): void {
  for (const directory of parents(room)) {
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      if (
        !(error instanceof Error && "code" in error) ||
        error.code !== "EEXIST"
      )
        throw error;
    }
    checkDirectory(directory);
  }
}

/**
 * The control sockets of this user, those of the dead included, by path.
 *
 * @throws {CommandFailure} when their directory is not this user's alone
 */
export function listControls(room: ControlRoom = "control"): ControlEntry[] {
  const directory = controlDirectory(room);
  let names: string[];
  try {
    for (const parent of parents(room)) checkDirectory(parent);
    names = readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return [];
    throw error;
  }
  return names.sort().flatMap((entry) => {
    const [, encoded, pid] = fileName.exec(entry) ?? [];
    if (encoded === undefined || pid === undefined) return [];
    return [
      {
        path: join(directory, entry),
        name: decodeName(encoded),
        pid: Number(pid),
      },
    ];
  });
}
