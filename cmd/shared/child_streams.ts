/** What a handler writes: stdout kept until it is over, stderr passed on with its end remembered. */
import { closeSync } from "node:fs";
import { createPipe, unreadBytes } from "../../ffi/descriptors.ts";
import { writeErr } from "./output.ts";

/** Bytes of stderr that are kept for a dead letter's note. */
const tailBytesMax = 4096;
/**
 * Processes that the handler left behind may keep its pipes open, so their end cannot be waited for. What the handler
 * wrote itself is in the pipe when it ends: it has been read when the pipe was found empty so many times in a row.
 */
const emptyLooks = 5;
const lookEveryMs = 20;
/** Bytes of stdout that a handler may write for one message. */
export const outputBytesMax = 256 * 1024 ** 2;

/** Calls `take` with what comes until everybody has closed the other end. A pipe that fails has ended. */
async function follow(
  descriptor: number,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  try {
    for await (const chunk of Bun.file(descriptor).stream()) take(chunk);
  } catch {
    // Nothing more can be had.
  } finally {
    closeSync(descriptor);
  }
}

function joinChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined
    ? only
    : Buffer.concat(chunks);
}

/** Pipes whose handler is over or not, but which are still open. */
const open = new Set<Promise<void>>();

/** Waits a moment for what handlers wrote at their end; to be called before leaving. */
export async function flushChildStreams(): Promise<void> {
  if (open.size > 0)
    await Promise.race([
      Promise.all(open),
      Bun.sleep(emptyLooks * lookEveryMs),
    ]);
}

/** The pipes of one handler. */
export class ChildStreams {
  /** For the child; ours are closed by `started`. */
  readonly outputDescriptor: number;
  readonly errorDescriptor: number;
  readonly #readDescriptors: readonly [output: number, errors: number];
  readonly #onOverflow: () => void;
  #output: Uint8Array[] = [];
  #outputBytes = 0;
  #tail: Uint8Array = new Uint8Array(0);
  #outputEnded: Promise<void> = Promise.resolve();
  #errorsEnded: Promise<void> = Promise.resolve();

  /**
   * @param onOverflow called once when more than `outputBytesMax` are written to stdout; the rest is dropped
   * @throws {FfiError} when no pipe can be made
   */
  constructor(onOverflow: () => void) {
    this.#onOverflow = onOverflow;
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
    this.#outputEnded = this.#follow(output, (chunk) => this.#keep(chunk));
    this.#errorsEnded = this.#follow(errors, (chunk) => {
      writeErr(chunk);
      this.#remember(chunk);
    });
  }

  /** All that was written to stdout; for when the child is over. What others write later is dropped. */
  async output(): Promise<Uint8Array> {
    await this.#drained(this.#readDescriptors[0], this.#outputEnded);
    return joinChunks(this.#output.splice(0));
  }

  /** The last 4 KiB of stderr; for when the child is over. */
  async errorTail(): Promise<Uint8Array> {
    await this.#drained(this.#readDescriptors[1], this.#errorsEnded);
    return this.#tail;
  }

  /** Not a fixed time: on a busy machine the loop may come late to what is in the pipe. */
  async #drained(descriptor: number, ended: Promise<void>): Promise<void> {
    let over = false;
    const end = ended.then(() => {
      over = true;
    });
    for (let empty = 0; !over && empty < emptyLooks;) {
      await Promise.race([end, Bun.sleep(lookEveryMs)]);
      empty = !over && unreadBytes(descriptor) > 0 ? 0 : empty + 1;
    }
  }

  #keep(chunk: Uint8Array): void {
    if (this.#outputBytes > outputBytesMax) return;
    this.#outputBytes += chunk.byteLength;
    if (this.#outputBytes <= outputBytesMax) {
      this.#output.push(chunk);
      return;
    }
    this.#output = [];
    this.#onOverflow();
  }

  #follow(
    descriptor: number,
    take: (chunk: Uint8Array) => void,
  ): Promise<void> {
    const ended = follow(descriptor, take).finally(() => open.delete(ended));
    open.add(ended);
    return ended;
  }

  #remember(chunk: Uint8Array): void {
    const all = joinChunks([this.#tail, chunk]);
    this.#tail = all.byteLength > tailBytesMax ? all.slice(-tailBytesMax) : all;
  }
}
