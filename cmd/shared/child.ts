/** One run of a handler: body in, output kept until it is over, stderr passed on, stopped by TERM and then KILL. */
import { closeSync, fstatSync, readSync } from "node:fs";
import { createMemoryFile, createPipe } from "../../ffi/descriptors.ts";
import type { HandlerCommand } from "./handler_command.ts";
import type { Launcher } from "./launcher.ts";
import { writeErr, writeOut } from "./output.ts";

/** Bytes of stderr that are kept for a dead letter's note. */
const tailBytesMax = 4096;
/** Processes that the handler left behind may keep stderr open; its own last words are there by then. */
const lastWordsMs = 250;
const copyBytes = 1 << 20;

/** What a run needs. */
export interface ChildRequest {
  readonly command: HandlerCommand;
  readonly launcher: Launcher;
  readonly body: Uint8Array;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until TERM. @default no limit */
  readonly timeoutMs: number | undefined;
  /** Milliseconds from TERM to KILL. */
  readonly killAfterMs: number;
  /** Aborting sends TERM to the process group, and KILL later. */
  readonly terminate: AbortSignal;
  /** Aborting sends KILL at once. */
  readonly kill: AbortSignal;
}

/** How a run ended. */
export interface ChildResult extends Disposable {
  /** 0 to 255, or null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Whether `terminate` or `kill` ended it. */
  readonly stopped: boolean;
  /** Bytes that it wrote to stdout. */
  readonly outputBytes: number;
  /** Writes them to our stdout. @throws {BrokenPipe} */
  readonly writeOutput: () => Promise<void>;
  /** The last 4 KiB of its stderr; waits a moment for them. */
  readonly stderrTail: () => Promise<Uint8Array>;
}

/** Remembers the end of a stream. */
class Tail {
  #bytes = new Uint8Array(0);

  add(chunk: Uint8Array): void {
    const all = new Uint8Array(this.#bytes.byteLength + chunk.byteLength);
    all.set(this.#bytes);
    all.set(chunk, this.#bytes.byteLength);
    this.#bytes =
      all.byteLength > tailBytesMax ? all.slice(-tailBytesMax) : all;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** Streams of stderr that are still open. */
const passing = new Set<Promise<void>>();

/** Waits a moment for what handlers wrote to stderr at their end; to be called before leaving. */
export async function flushErrors(): Promise<void> {
  if (passing.size > 0)
    await Promise.race([Promise.all(passing), Bun.sleep(lastWordsMs)]);
}

/** Passes stderr on until everybody has closed it. A descriptor that fails is lost narration, not a lost message. */
function passOn(descriptor: number, tail: Tail): Promise<void> {
  const passed = readErrors(descriptor, tail)
    .catch(() => undefined)
    .finally(() => passing.delete(passed));
  passing.add(passed);
  return passed;
}

async function readErrors(descriptor: number, tail: Tail): Promise<void> {
  try {
    for await (const chunk of Bun.file(descriptor).stream()) {
      tail.add(chunk);
      writeErr(chunk);
    }
  } finally {
    closeSync(descriptor);
  }
}

async function copyOut(descriptor: number, byteLength: number): Promise<void> {
  const piece = new Uint8Array(Math.min(copyBytes, byteLength));
  for (let offset = 0; offset < byteLength;) {
    const count = readSync(
      descriptor,
      piece,
      0,
      Math.min(piece.byteLength, byteLength - offset),
      offset,
    );
    if (count === 0) return;
    await writeOut(piece.subarray(0, count));
    offset += count;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}

/** Sends TERM and, unless it is over by then, KILL. */
class Stopper implements Disposable {
  readonly #pid: number;
  readonly #request: ChildRequest;
  readonly #timer: Timer | undefined;
  #killTimer: Timer | undefined;
  timedOut = false;
  stopped = false;

  constructor(pid: number, request: ChildRequest) {
    this.#pid = pid;
    this.#request = request;
    const { timeoutMs, terminate, kill } = request;
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.timedOut = true;
        this.#term();
      }, timeoutMs);
    }
    terminate.addEventListener("abort", this.#onTerminate);
    kill.addEventListener("abort", this.#onKill);
    if (terminate.aborted) this.#onTerminate();
    if (kill.aborted) this.#onKill();
  }

  readonly #onTerminate = (): void => {
    this.stopped = true;
    this.#term();
  };

  readonly #onKill = (): void => {
    this.stopped = true;
    signalGroup(this.#pid, "SIGKILL");
  };

  #term(): void {
    signalGroup(this.#pid, "SIGTERM");
    this.#killTimer ??= setTimeout(
      () => signalGroup(this.#pid, "SIGKILL"),
      this.#request.killAfterMs,
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#killTimer);
    this.#request.terminate.removeEventListener("abort", this.#onTerminate);
    this.#request.kill.removeEventListener("abort", this.#onKill);
    // Whoever of the group ignored the end of its leader must not work beside the next attempt.
    if (this.timedOut || this.stopped) signalGroup(this.#pid, "SIGKILL");
  }
}

function start(
  request: ChildRequest,
  output: number,
  errors: number,
): Bun.Subprocess {
  return Bun.spawn(request.launcher.wrap(request.command), {
    // Bun puts these bytes into a file in memory: the handler reads exactly them, then the end.
    stdin: request.body,
    stdout: output,
    stderr: errors,
    // A session and so a process group of its own: signals reach all of it, and the terminal's Ctrl-C none of it.
    detached: true,
    env: request.environment,
  });
}

/** Runs a handler to its end. @throws what Bun.spawn throws when it cannot be started */
export async function runChild(request: ChildRequest): Promise<ChildResult> {
  const output = createMemoryFile("ringwire-handler-stdout");
  const tail = new Tail();
  let child: Bun.Subprocess;
  let errorsPassed: Promise<void>;
  try {
    const pipe = createPipe();
    try {
      child = start(request, output, pipe.writeDescriptor);
      errorsPassed = passOn(pipe.readDescriptor, tail);
    } catch (error) {
      closeSync(pipe.readDescriptor);
      throw error;
    } finally {
      closeSync(pipe.writeDescriptor);
    }
  } catch (error) {
    closeSync(output);
    throw error;
  }
  using stopper = new Stopper(child.pid, request);
  await child.exited;
  const outputBytes = fstatSync(output).size;
  return {
    exitCode: child.signalCode === null ? child.exitCode : null,
    signal: child.signalCode === null ? null : String(child.signalCode),
    timedOut: stopper.timedOut,
    stopped: stopper.stopped,
    outputBytes,
    writeOutput: () => copyOut(output, outputBytes),
    stderrTail: async () => {
      await Promise.race([errorsPassed, Bun.sleep(lastWordsMs)]);
      return tail.bytes;
    },
    [Symbol.dispose]: () => closeSync(output),
  };
}
