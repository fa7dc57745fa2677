/** Writing data to stdout so that the caller knows what has been written, and narration to stderr. */
import { readFileSync, readlinkSync, write as writeCallback } from "node:fs";
import { isatty } from "node:tty";
import { passToStderr, writeToStderr } from "./error_output.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";

const stdout = 1;
const lineFeed = 10;
/** A descriptor that somebody set to non-blocking may be full; this is how long to leave it alone. */
const retryMs = 2;

/** The reader of stdout is gone; `writtenBytes` of the piece got through before. */
export class BrokenPipe extends Error {
  readonly code = "EPIPE";
  readonly writtenBytes: number;

  constructor(writtenBytes: number) {
    super("stdout was closed by its reader");
    this.name = "BrokenPipe";
    this.writtenBytes = writtenBytes;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error
    ? error.code
    : undefined;
}

function writeOnce(bytes: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    // Off the JavaScript thread: a slow reader must not keep signals and lease renewal waiting.
    writeCallback(
      stdout,
      bytes,
      offset,
      bytes.byteLength - offset,
      null,
      (error, written) => {
        if (error === null || error === undefined) resolve(written);
        else if (codeOf(error) === "EAGAIN") setTimeout(resolve, retryMs, 0);
        else reject(error);
      },
    );
  });
}

/** O_CLOEXEC */
const closeOnExec = 0o2000000;

/**
 * Whether we were started without stdout. The runtime opens /dev/null in its place, for itself only: close-on-exec, as
 * nothing that was handed over to us can be.
 */
function stdoutIsMissing(): boolean {
  try {
    if (readlinkSync(`/proc/self/fd/${stdout}`) !== "/dev/null") return false;
    const info = readFileSync(`/proc/self/fdinfo/${stdout}`, "utf8");
    const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & closeOnExec) !== 0;
  } catch {
    // Without /proc nobody can tell.
    return false;
  }
}

/** @throws {CommandFailure} when we were started with stdout closed: what is written would be lost in silence */
export function requireStdout(): void {
  if (stdoutIsMissing())
    throw new CommandFailure(
      ExitCode.failed,
      "stdout is closed, so messages would be lost: nothing is taken; needed is a stdout, at least >/dev/null",
    );
}

/** Whether people read stdout as it comes. */
export function stdoutIsTerminal(): boolean {
  return isatty(stdout);
}

let stdoutBytes = 0;

/** Bytes that went to stdout so far. */
export function writtenBytes(): number {
  return stdoutBytes;
}

/**
 * Writes all of `bytes` to stdout.
 *
 * @throws {BrokenPipe} when the reader is gone
 */
export async function writeOut(bytes: Uint8Array): Promise<void> {
  if (statusLine === undefined || !stdoutIsTerminal()) return writeAll(bytes);
  hideStatusLine();
  try {
    await writeAll(bytes);
  } finally {
    showStatusLine(bytes);
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    try {
      const written = await writeOnce(bytes, offset);
      offset += written;
      stdoutBytes += written;
    } catch (error) {
      if (codeOf(error) === "EPIPE") throw new BrokenPipe(offset);
      throw error;
    }
  }
}

/** Writes a text to stdout; see `writeOut`. */
export function printOut(text: string): Promise<void> {
  return writeOut(new TextEncoder().encode(text));
}

/** A line at the bottom of the terminal that everything else is written above of. */
export interface StatusLine {
  readonly clear: () => void;
  readonly draw: () => void;
}

let statusLine: StatusLine | undefined;
/** Others that are writing to the terminal at this moment. */
let writers = 0;
/** Whether the terminal stands at the beginning of a line; in the middle of one the status line would overwrite it. */
let lineIsEmpty = true;

/** Sets the status line and draws it, or forgets it. */
export function setStatusLine(line: StatusLine | undefined): void {
  statusLine = line;
  if (writers === 0 && lineIsEmpty) line?.draw();
}

function hideStatusLine(): void {
  writers++;
  statusLine?.clear();
}

function showStatusLine(written: Uint8Array): void {
  writers--;
  if (written.byteLength > 0) lineIsEmpty = written.at(-1) === lineFeed;
  if (writers === 0 && lineIsEmpty) statusLine?.draw();
}

/**
 * Writes bytes to stderr as they are. Nobody reading them is not a failure: narration is a courtesy.
 *
 * @param by "status" when they are the status line itself
 */
export function writeErr(
  bytes: Uint8Array,
  by: "narration" | "status" = "narration",
): void {
  if (statusLine === undefined || by === "status") {
    writeToStderr(bytes);
    return;
  }
  hideStatusLine();
  writeToStderr(bytes);
  showStatusLine(bytes);
}

/**
 * Passes on what somebody else wrote to stderr, off the JavaScript thread: a reader that is stuck holds up nothing here.
 *
 * @returns when much waits already, what to wait for before more is passed on
 */
export function passErr(bytes: Uint8Array): Promise<void> | undefined {
  if (statusLine === undefined) return passToStderr(bytes).room;
  hideStatusLine();
  const { room, written } = passToStderr(bytes);
  void written.then(() => showStatusLine(bytes));
  return room;
}

/** Who is speaking on stderr; set once by the main module. */
let speaker = "ringwire";

/** Sets the name before each line of `say`. */
export function setSpeaker(name: string): void {
  speaker = name;
}

/** One line of narration on stderr. */
export function say(text: string): void {
  writeErr(new TextEncoder().encode(`${speaker}: ${text}\n`));
}
