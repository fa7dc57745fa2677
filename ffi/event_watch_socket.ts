import type { EventWatch, EventWatchRequest } from "./event_watch.ts";
import { openLibrary, type SymbolTable } from "./host.ts";
import { isReadable } from "./poll_descriptor.ts";

interface BunSocket {
  ref(): void;
  unref(): void;
  terminate(): void;
}

interface BunSocketHandlers {
  open(socket: BunSocket): void;
  data(socket: BunSocket): void;
  error(): void;
  close(): void;
}

/** The part of the `Bun` namespace used here. Declared by hand because Deno's checker has no Bun types. */
interface BunConnect {
  connect(options: {
    readonly fd: number;
    readonly socket: BunSocketHandlers;
  }): Promise<BunSocket>;
}

const libcSymbols = {
  // int fcntl(int fd, int op, ...);
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const satisfies SymbolTable;

const F_DUPFD_CLOEXEC = 1030;
/** So many ends in a row without an event, and this Bun does not watch such a descriptor. */
const earlyEndsMax = 8;
/** How long to wait for a free descriptor. */
const noDescriptorMs = 10;

/**
 * Bun's loop watches any descriptor that it is given as a connected socket. When the descriptor becomes readable, Bun
 * reads, which fails (ENOTSOCK or EINVAL) and drains nothing; so Bun closes the socket and says so: a one-shot wake-up.
 * A duplicate is what it closes. 4.9 µs to arm and 4.2 µs from the event to `onReady`; kernel AIO with an eventfd, read
 * as a stream, takes 1.1 and 9.5 µs, and its read keeps the process alive.
 */
class SocketWatch implements EventWatch {
  readonly #request: EventWatchRequest;
  readonly #bun: BunConnect;
  readonly #duplicate: (descriptor: number) => number;
  /** The same for all sockets: at most one lives at a time. */
  readonly #handlers: BunSocketHandlers;
  #socket: BunSocket | undefined;
  #watching = false;
  #wanted = false;
  #kept = true;
  #closed = false;
  #earlyEnds = 0;

  constructor(request: EventWatchRequest) {
    this.#request = request;
    this.#bun = (globalThis as unknown as { readonly Bun: BunConnect }).Bun;
    const { fcntl } = openLibrary("libc.so.6", libcSymbols);
    this.#duplicate = (descriptor) => fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    this.#handlers = {
      open: (socket) => this.#started(socket),
      data: (socket) => socket.terminate(),
      error() {},
      close: () => this.#ended(),
    };
  }

  arm(): void {
    if (this.#closed) return;
    this.#wanted = true;
    if (this.#watching) this.#hold();
    else this.#start();
  }

  // The socket stays, since it is often wanted again soon; should it end meanwhile, nobody is told.
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
    this.#closed = true;
    this.#wanted = false;
    this.#socket?.terminate();
  }

  #hold(): void {
    if (this.#wanted && this.#kept) this.#socket?.ref();
    else this.#socket?.unref();
  }

  #start(): void {
    const duplicate = this.#duplicate(this.#request.descriptor);
    if (duplicate < 0) {
      // Too many open files. An early wake-up is allowed, and its user arms again.
      setTimeout(() => this.#notify(), noDescriptorMs);
      return;
    }
    this.#watching = true;
    this.#bun
      .connect({ fd: duplicate, socket: this.#handlers })
      .catch(() => this.#break());
  }

  #started(socket: BunSocket): void {
    this.#socket = socket;
    if (this.#closed) socket.terminate();
    else this.#hold();
  }

  #ended(): void {
    this.#watching = false;
    this.#socket = undefined;
    if (!this.#wanted) return;
    if (isReadable(this.#request.descriptor)) {
      this.#earlyEnds = 0;
      this.#notify();
    } else if (++this.#earlyEnds < earlyEndsMax) this.#start();
    else this.#break();
  }

  #notify(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#request.onReady();
  }

  #break(): void {
    this.#watching = false;
    this.#request.onBroken();
  }
}

/** For Bun. */
export function openSocketWatch(request: EventWatchRequest): EventWatch {
  return new SocketWatch(request);
}
