/** What a handler writes: stdout kept until it is over, stderr passed on with its end remembered. */
import { closeSync } from "node:fs";
import { createPipe } from "../../ffi/descriptors.ts";
import { writeErr } from "./output.ts";

/** Bytes of stderr that are kept for a dead letter's note. */
const tailBytesMax = 4096;
/** Processes that the handler left behind may keep its pipes open; what it wrote itself has been read by then. */
const lastWordsMs = 250;

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
    await Promise.race([Promise.all(open), Bun.sleep(lastWordsMs)]);
}

/** The pipes of one handler. */
export class ChildStreams {
  /** For the child; ours are closed by `started`. */
  readonly outputDescriptor: number;
  readonly errorDescriptor: number;
  readonly #readDescriptors: readonly [output: number, errors: number];
  #output: Uint8Array[] = [];
  #tail: Uint8Array = new Uint8Array(0);
  #outputEnded: Promise<void> = Promise.resolve();
  #errorsEnded: Promise<void> = Promise.resolve();

  /** @throws {FfiError} when no pipe can be made */
  constructor() {
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
    this.#outputEnded = this.#follow(output, (chunk) => {
      this.#output.push(chunk);
    });
    this.#errorsEnded = this.#follow(errors, (chunk) => {
      writeErr(chunk);
      this.#remember(chunk);
    });
  }

  /** All that was written to stdout; for when the child is over. What others write later is dropped. */
  async output(): Promise<Uint8Array> {
    await Promise.race([this.#outputEnded, Bun.sleep(lastWordsMs)]);
    return joinChunks(this.#output.splice(0));
  }

  /** The last 4 KiB of stderr; for when the child is over. */
  async errorTail(): Promise<Uint8Array> {
    await Promise.race([this.#errorsEnded, Bun.sleep(lastWordsMs)]);
    return this.#tail;
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
