import { closeDescriptor, createEventfd, signalEventfd } from "./eventfd.ts";
import type { EventWatch, EventWatchRequest } from "./event_watch.ts";

/** The part of Bun's Worker used here; the types of Deno's lack `ref` and `unref`. */
interface HeldWorker {
  onmessage: ((event: { readonly data: boolean }) => void) | null;
  onerror: ((event: { preventDefault(): void }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
  ref(): void;
  unref(): void;
}

/**
 * What the Worker runs: source text, because a file beside this one would not be found in a compiled executable. It
 * sleeps until a round is asked for, polls both descriptors without a time limit, and says so, and whether that was the
 * last time; a round below 0 ends it.
 */
const program = `
const { dlopen } = process.getBuiltinModule("bun:ffi");
const { poll } = dlopen("libc.so.6", { poll: { args: ["buffer", "u64", "i32"], returns: "i32" } }).symbols;
onmessage = ({ data: { shared, descriptor, interrupt } }) => {
  const rounds = new Int32Array(shared);
  const POLLIN = 1;
  const polled = new Int32Array([descriptor, POLLIN, interrupt, POLLIN]);
  for (let done = 0; ; ) {
    Atomics.wait(rounds, 0, done);
    done = Atomics.load(rounds, 0);
    // Below 1 is a signal, which says nothing about the descriptors.
    while (done >= 0 && poll(polled, 2, -1) < 1);
    const last = Atomics.load(rounds, 0) < 0;
    postMessage(last);
    if (last) break;
  }
};
`;

let programUrl: string | undefined;

/** One for all Workers, and kept: a URL that is taken back while a Worker starts is an error in it. */
function urlOfProgram(): string {
  programUrl ??= URL.createObjectURL(
    new Blob([program], { type: "application/javascript" }),
  );
  return programUrl;
}

/** Needs nothing but threads: for a Bun that does not take foreign descriptors. */
class ThreadWatch implements EventWatch {
  readonly #request: EventWatchRequest;
  readonly #interrupt: number;
  readonly #rounds = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: HeldWorker;
  #polling = false;
  #wanted = false;
  #kept = true;
  #closed = false;
  #ended = false;

  constructor(request: EventWatchRequest, interrupt: number) {
    this.#request = request;
    this.#interrupt = interrupt;
    this.#worker = new Worker(urlOfProgram()) as unknown as HeldWorker;
    this.#worker.onmessage = ({ data }) => this.#heard(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end();
      request.onBroken();
    };
    this.#worker.unref();
    this.#worker.postMessage({
      shared: this.#rounds.buffer,
      descriptor: request.descriptor,
      interrupt,
    });
  }

  arm(): void {
    if (this.#closed) return;
    this.#wanted = true;
    this.#hold();
    if (this.#polling) return;
    this.#polling = true;
    Atomics.add(this.#rounds, 0, 1);
    Atomics.notify(this.#rounds, 0);
  }

  // The thread goes on polling; what it finds is told to nobody.
  rest(): void {
    this.#wanted = false;
    this.#hold();
  }

  ref(): void {
    this.#kept = true;
    this.#hold();
  }

  unref(): void {
    this.#kept = false;
    this.#hold();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.rest();
    Atomics.store(this.#rounds, 0, -1);
    Atomics.notify(this.#rounds, 0);
    if (!this.#ended) signalEventfd(this.#interrupt);
  }

  #hold(): void {
    if (this.#wanted && this.#kept) this.#worker.ref();
    else this.#worker.unref();
  }

  #heard(last: boolean): void {
    this.#polling = false;
    if (last) {
      this.#end();
    } else if (this.#wanted) {
      this.#wanted = false;
      this.#hold();
      this.#request.onReady();
    }
  }

  /** Only when the thread does not poll any more: a Worker is not ended in the middle of a native call. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#worker.terminate();
    closeDescriptor(this.#interrupt);
  }
}

/** For Bun. Gives undefined when too many files are open. */
export function openThreadWatch(
  request: EventWatchRequest,
): EventWatch | undefined {
  const interrupt = createEventfd();
  return interrupt < 0 ? undefined : new ThreadWatch(request, interrupt);
}
