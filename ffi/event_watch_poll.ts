import {
  closeDescriptor,
  createEventfd,
  drainEventfd,
  signalEventfd,
} from "./eventfd.ts";
import type { EventWatch, EventWatchRequest } from "./event_watch.ts";
import { openTimerWatch } from "./event_watch_timer.ts";
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";
import { isReadable } from "./poll_descriptor.ts";

const libcSymbols = {
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout);
  poll: {
    parameters: ["bytes", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies SymbolTable;

const POLLIN = 1;
const sliceMs = 10_000;

/**
 * A thread of Deno's pool polls the descriptor, and an eventfd that ends the call early. The call keeps the process
 * alive, so there is none while the source may not: then a timer looks.
 */
class PollWatch implements EventWatch {
  readonly #request: EventWatchRequest;
  readonly #interrupt: number;
  readonly #poll: NativeFunctions<typeof libcSymbols>["poll"];
  readonly #timer: EventWatch;
  /** Two of struct pollfd, which the thread writes to: it must live as long as this object. */
  readonly #polled: Int32Array;
  #polling = false;
  #wanted = false;
  #kept = true;
  #closed = false;

  constructor(request: EventWatchRequest, interrupt: number) {
    this.#request = request;
    this.#interrupt = interrupt;
    this.#poll = openLibrary("libc.so.6", libcSymbols).poll;
    this.#polled = new Int32Array([
      request.descriptor,
      POLLIN,
      interrupt,
      POLLIN,
    ]);
    this.#timer = openTimerWatch({
      ...request,
      onReady: () => this.#notify(),
    });
    this.#timer.unref();
  }

  arm(): void {
    if (this.#closed) return;
    this.#wanted = true;
    this.#settle();
  }

  rest(): void {
    this.#wanted = false;
    this.#settle();
  }

  ref(): void {
    this.#kept = true;
    this.#settle();
  }

  unref(): void {
    this.#kept = false;
    this.#settle();
  }

  close(): void {
    if (this.#closed) return;
    this.#wanted = false;
    this.#settle();
    this.#closed = true;
    this.#timer.close();
    if (!this.#polling) closeDescriptor(this.#interrupt);
  }

  /** Brings what runs in line with what is wanted. */
  #settle(): void {
    const thread = this.#wanted && this.#kept;
    if (this.#wanted && !this.#kept) this.#timer.arm();
    else this.#timer.rest();
    if (thread && !this.#polling) this.#start();
    else if (!thread && this.#polling) signalEventfd(this.#interrupt);
  }

  #start(): void {
    this.#polling = true;
    const ended = (): void => this.#ended();
    void this.#poll(this.#polled, 2n, sliceMs).then(ended, ended);
  }

  #ended(): void {
    this.#polling = false;
    if (this.#closed) {
      closeDescriptor(this.#interrupt);
      return;
    }
    drainEventfd(this.#interrupt);
    if (this.#wanted && isReadable(this.#request.descriptor)) this.#notify();
    else this.#settle();
  }

  #notify(): void {
    this.#wanted = false;
    this.#timer.rest();
    this.#request.onReady();
  }
}

/** For Deno. Gives undefined when too many files are open. */
export function openPollWatch(
  request: EventWatchRequest,
): EventWatch | undefined {
  const interrupt = createEventfd();
  return interrupt < 0 ? undefined : new PollWatch(request, interrupt);
}
