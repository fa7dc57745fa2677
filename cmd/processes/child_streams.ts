/** What a handler writes: stdout kept until it is over, stderr passed on with its end remembered. */
import { closeSync, readSync } from "node:fs";
import { createPipe, unreadBytes } from "../../ffi/descriptors.ts";
import { passErr } from "../standard_streams/output.ts";

/** Bytes of stderr that are kept for a dead letter's note. */
const tailBytesMax = 4096;
/**
 * Processes that the handler left behind may keep its pipes open, so their end cannot be waited for. What the handler
 * wrote itself is in the pipe when it ends: it has been read when the pipe was found empty so many times in a row.
 */
const emptyLooks = 5;
/** Handlers that take longer than that are followed. */
const followAfterMs = 10;
const lookEveryMs = 20;
/** Processes that handlers left behind must not keep us from leaving. */
const flushMsMax = 1000;
/** Bytes of stdout that a handler may write for one message. */
export const outputBytesMax = 256 * 1024 ** 2;

/** More than a pipe and a read can hold: what comes after so many bytes was written after the handler's end. */
const leftBytesMax = 4 * 1024 ** 2;

/** The runtime reads from a duplicate of the descriptor, which it closes by itself. */
function readerOf(descriptor: number) {
  return Bun.file(descriptor).stream().getReader();
}

/** Takes what was read; it may give something to wait for before more is read. */
type Taker = (chunk: Uint8Array) => Promise<void> | undefined;

/**
 * The reading end of a pipe. Most handlers are over before anybody could have followed what they write: then it is read
 * in one piece, and following it, which costs as much as starting a process does, never begins.
 */
class PipeReader {
  readonly #descriptor: number;
  readonly #take: Taker;
  /** Ended when it is not to wait any more for whom it passes on to. */
  readonly #hurry = Promise.withResolvers<void>();
  #reader: ReturnType<typeof readerOf> | undefined;
  #ended: Promise<void> | undefined;
  readonly #timer: Timer | undefined;
  #isOver = false;
  #takenBytes = 0;

  /**
   * Calls `take` with what comes until everybody has closed the other end. A pipe that fails has ended.
   *
   * @param startMs how long it may take until the first look
   */
  constructor(descriptor: number, take: Taker, startMs: number) {
    this.#descriptor = descriptor;
    this.#take = take;
    if (startMs === 0) this.#start();
    else this.#timer = setTimeout(() => this.#start(), startMs);
  }

  /** Settled when everybody has closed the other end; undefined when nobody follows it yet. */
  get ended(): Promise<void> | undefined {
    return this.#ended;
  }

  /** Waits until what lay in the pipe was taken. Not a fixed time: on a busy machine the loop may come late to it. */
  async drain(): Promise<void> {
    if (this.#isOver) return;
    if (this.#reader === undefined) {
      this.#takeAll();
      return;
    }
    this.#hurry.resolve();
    const fromBytes = this.#takenBytes;
    for (let empty = 0; !this.#isOver && empty < emptyLooks;) {
      await Promise.race([this.#ended, Bun.sleep(lookEveryMs)]);
      if (this.#takenBytes - fromBytes > leftBytesMax) return;
      empty =
        !this.#isOver && unreadBytes(this.#descriptor) > 0 ? 0 : empty + 1;
    }
  }

  /** Takes no more, and closes the pipe. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#finish();
    this.#hurry.resolve();
    try {
      await this.#reader?.cancel();
    } catch {
      // It has failed already, which is an end too.
    }
  }

  #start(): void {
    this.#reader = readerOf(this.#descriptor);
    this.#ended = this.#follow(this.#reader);
  }

  /** What lies there now, without waiting. */
  #takeAll(): void {
    for (let left = leftBytesMax; left > 0;) {
      const chunk = new Uint8Array(unreadBytes(this.#descriptor));
      if (chunk.byteLength === 0) return;
      const taken = readSync(this.#descriptor, chunk);
      left -= taken;
      void this.#take(chunk.subarray(0, taken));
    }
  }

  async #follow(reader: ReturnType<typeof readerOf>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#isOver) return;
        this.#takenBytes += value.byteLength;
        // Who writes faster than is read has to wait, as without us.
        const room = this.#take(value);
        if (room !== undefined) await Promise.race([room, this.#hurry.promise]);
      }
    } catch {
      // Nothing more can be had.
    } finally {
      if (!this.#isOver) this.#finish();
    }
  }

  /** Once only: the number may belong to somebody else right after. */
  #finish(): void {
    this.#isOver = true;
    closeSync(this.#descriptor);
  }
}

function joinChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined
    ? only
    : Buffer.concat(chunks);
}

/** Handlers that are over, but whose pipes may still hold something of theirs. */
const closing = new Set<Promise<void>>();

/** Waits a moment for what handlers wrote at their end; to be called before leaving. */
export async function flushChildStreams(): Promise<void> {
  if (closing.size > 0)
    await Promise.race([Promise.all(closing), Bun.sleep(flushMsMax)]);
}

/** The pipes of one handler. */
export class ChildStreams {
  /** For the child; ours are closed by `started`. */
  readonly outputDescriptor: number;
  readonly errorDescriptor: number;
  readonly #readDescriptors: readonly [output: number, errors: number];
  readonly #onOverflow: () => void;
  readonly #onOutput: ((chunk: Uint8Array) => void) | undefined;
  #output: Uint8Array[] = [];
  #outputBytes = 0;
  #tail: Uint8Array = new Uint8Array(0);
  #outputReader: PipeReader | undefined;
  #errorReader: PipeReader | undefined;

  /**
   * @param onOverflow called once when more than `outputBytesMax` are written to stdout; the rest is dropped
   * @param onOutput gets what is written to stdout as it comes; then nothing of it is kept, and nothing is too much
   * @throws {FfiError} when no pipe can be made
   */
  constructor(onOverflow: () => void, onOutput?: (chunk: Uint8Array) => void) {
    this.#onOverflow = onOverflow;
    this.#onOutput = onOutput;
    const output = createPipe();
    try {
      const errors = createPipe();
      this.outputDescriptor = output.writeDescriptor;
      this.errorDescriptor = errors.writeDescriptor;
      this.#readDescriptors = [output.readDescriptor, errors.readDescriptor];
    } catch (error) {
      closeSync(output.readDescriptor);
      closeSync(output.writeDescriptor);
      throw error;
    }
  }

  /** To be called when the child has its ends, or could not be started: then the pipes just end. */
  started(): void {
    closeSync(this.outputDescriptor);
    closeSync(this.errorDescriptor);
    const [output, errors] = this.#readDescriptors;
    // Answers are waited for; all else may wait.
    const startMs = this.#onOutput === undefined ? followAfterMs : 0;
    this.#outputReader = new PipeReader(
      output,
      (chunk) => {
        if (this.#onOutput === undefined) return this.#keep(chunk);
        this.#onOutput(chunk);
        return undefined;
      },
      startMs,
    );
    this.#errorReader = new PipeReader(
      errors,
      (chunk) => {
        this.#remember(chunk);
        return passErr(chunk);
      },
      startMs,
    );
  }

  /** Settled when nobody can write to stdout any more; only where it is passed on as it comes. */
  get outputEnded(): Promise<void> | undefined {
    return this.#outputReader?.ended;
  }

  /** Whether more was written to stdout than is kept. */
  get overflowed(): boolean {
    return this.#outputBytes > outputBytesMax;
  }

  /** All that was written to stdout; for when the child is over. What others write later is dropped. */
  async output(): Promise<Uint8Array> {
    await this.#outputReader?.drain();
    return joinChunks(this.#output.splice(0));
  }

  /** The last 4 KiB of stderr; for when the child is over. */
  async errorTail(): Promise<Uint8Array> {
    await this.#errorReader?.drain();
    return this.#tail;
  }

  /**
   * To be called when the child is over and what is wanted has been had. Processes that it left behind may hold the pipes
   * for ever: what the child wrote to stderr is still passed on, then both are closed.
   */
  close(): void {
    const closed = this.#close().finally(() => closing.delete(closed));
    closing.add(closed);
  }

  async #close(): Promise<void> {
    await this.#outputReader?.close();
    await this.#errorReader?.drain();
    await this.#errorReader?.close();
  }

  #keep(chunk: Uint8Array): undefined {
    if (this.#outputBytes > outputBytesMax) return;
    this.#outputBytes += chunk.byteLength;
    if (this.#outputBytes <= outputBytesMax) {
      this.#output.push(chunk);
      return;
    }
    this.#output = [];
    this.#onOverflow();
  }

  #remember(chunk: Uint8Array): void {
    const all = joinChunks([this.#tail, chunk]);
    this.#tail = all.byteLength > tailBytesMax ? all.slice(-tailBytesMax) : all;
  }
}
