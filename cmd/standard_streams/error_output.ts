/**
 * Writing to stderr. Narration is a courtesy: that nobody reads it must neither fail nor hold up signals, leases and
 * whatever else the event loop looks after.
 */
import { write as writeCallback, writeSync } from "node:fs";

const stderr = 2;
/** A descriptor that somebody set to non-blocking may be full; this is how long to leave it alone. */
const retryMs = 2;
/** How much may wait for a slow reader before those who pass something on are asked to pause. */
const waitingBytesMax = 256 * 1024;

/** Pieces that are still to be written, in their order. */
const waiting: Uint8Array[] = [];
let waitingBytes = 0;
/** Ends when nothing waits any more. */
let writing: Promise<void> | undefined;

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/** How much was written; all of it when it failed for good: then nobody is there to read. */
function writeOnce(bytes: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    writeCallback(
      stderr,
      bytes,
      0,
      bytes.byteLength,
      null,
      (error, written) => {
        if (error === null || error === undefined) resolve(written);
        else if (isFull(error)) setTimeout(resolve, retryMs, 0);
        else resolve(bytes.byteLength);
      },
    );
  });
}

async function writeWaiting(): Promise<void> {
  for (let piece = waiting[0]; piece !== undefined; piece = waiting[0]) {
    const written = await writeOnce(piece);
    waitingBytes -= written;
    if (written < piece.byteLength) waiting[0] = piece.subarray(written);
    else waiting.shift();
  }
  writing = undefined;
}

function enqueue(bytes: Uint8Array): Promise<void> {
  waiting.push(bytes);
  waitingBytes += bytes.byteLength;
  writing ??= writeWaiting();
  return writing;
}

/** What became of bytes that were passed on. */
interface Passing {
  /** Ends when nothing waits to be written. */
  readonly written: Promise<void>;
  /** When much waits already, what to wait for before more is passed on. */
  readonly room: Promise<void> | undefined;
}

/** Passes on what somebody else wrote, off the JavaScript thread and after all that came before. */
export function passToStderr(bytes: Uint8Array): Passing {
  const written = enqueue(bytes);
  return {
    written,
    room: waitingBytes > waitingBytesMax ? written : undefined,
  };
}

/** Writes bytes to stderr as they are: at once, or after what waits already. */
export function writeToStderr(bytes: Uint8Array): void {
  if (writing !== undefined) {
    void enqueue(bytes);
    return;
  }
  let offset = 0;
  while (offset < bytes.byteLength) {
    try {
      offset += writeSync(stderr, bytes, offset);
    } catch (error) {
      if (isFull(error)) void enqueue(bytes.subarray(offset));
      return;
    }
  }
}

/** Waits until what was passed on is written, but no longer than `limitMs`; to be called before leaving. */
export async function flushStderr(limitMs: number): Promise<void> {
  if (writing !== undefined) await Promise.race([writing, Bun.sleep(limitMs)]);
}
