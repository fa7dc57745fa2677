/**
 * How an event loop sleeps on a native descriptor that the runtimes have no class for, such as the epoll descriptor of
 * a UCX worker. It is level-triggered and only native calls drain it, so a watcher that stays would spin: each of these
 * is one-shot, and armed again by its user.
 */
import { FfiError } from "./errors.ts";
import { openAioWatch } from "./event_watch_aio.ts";
import { openPollWatch } from "./event_watch_poll.ts";
import { openSocketWatch } from "./event_watch_socket.ts";
import { openThreadWatch } from "./event_watch_thread.ts";
import { openTimerWatch } from "./event_watch_timer.ts";
import type {
  EventSourceKind,
  EventWatch,
  EventWatchRequest,
} from "./event_watch.ts";
import { runtimeName } from "./host.ts";

export type { EventSourceKind } from "./event_watch.ts";

/** Watches one descriptor. See the methods of {@linkcode EventWatch}; after `close` they do nothing. */
export interface EventSource extends EventWatch {
  /** The way that is in use. It changes when a way turns out not to work. */
  readonly kind: EventSourceKind;
}

/** What an event source needs. */
export interface EventSourceRequest {
  /** Level-triggered, e.g. an epoll descriptor. It stays the caller's, who closes it after the source. */
  readonly descriptor: number;
  /** Called once for each arming, never from within `arm`. May come early when another drained the descriptor. Must not throw. */
  readonly onReady: () => void;
  /** The first way to try. @default the runtime's fastest: `socket` in Bun, `aio` in Deno */
  readonly kind?: EventSourceKind;
}

/** Gives undefined when the way cannot be used on this machine. */
type OpenWatch = (request: EventWatchRequest) => EventWatch | undefined;

type Way = readonly [EventSourceKind, OpenWatch];

/** Fastest first. */
const ways: Readonly<Record<"bun" | "deno", readonly Way[]>> = {
  bun: [
    ["socket", openSocketWatch],
    ["thread", openThreadWatch],
    ["timer", openTimerWatch],
  ],
  deno: [
    ["aio", openAioWatch],
    ["poll", openPollWatch],
    ["timer", openTimerWatch],
  ],
};

class FallingBackSource implements EventSource {
  kind: EventSourceKind = "timer";
  readonly #request: EventSourceRequest;
  readonly #left: Way[];
  #watch: EventWatch | undefined;
  #wanted = false;
  #kept = true;
  #closed = false;

  constructor(request: EventSourceRequest, usable: readonly Way[]) {
    this.#request = request;
    this.#left = [...usable];
    this.#openNext();
  }

  arm(): void {
    if (this.#closed) return;
    this.#wanted = true;
    this.#watch?.arm();
  }

  rest(): void {
    this.#wanted = false;
    this.#watch?.rest();
  }

  ref(): void {
    this.#kept = true;
    this.#watch?.ref();
  }

  unref(): void {
    this.#kept = false;
    this.#watch?.unref();
  }

  close(): void {
    this.#closed = true;
    this.#wanted = false;
    this.#watch?.close();
    this.#watch = undefined;
  }

  #openNext(): void {
    for (let way = this.#left.shift(); way; way = this.#left.shift()) {
      const [kind, open] = way;
      let current = true;
      const watch = open({
        descriptor: this.#request.descriptor,
        onReady: () => {
          this.#wanted = false;
          this.#request.onReady();
        },
        onBroken: () => {
          if (!current || this.#closed) return;
          current = false;
          watch?.close();
          this.#openNext();
        },
      });
      if (watch === undefined) continue;
      this.kind = kind;
      this.#watch = watch;
      if (!this.#kept) watch.unref();
      if (this.#wanted) watch.arm();
      return;
    }
  }
}

/**
 * Watches a descriptor, by the first way that works here.
 *
 * @throws {RangeError} when the descriptor is not an integer >= 0
 * @throws {FfiError} code `EVENT_SOURCE_KIND` when `kind` is not a way of this runtime
 */
export function openEventSource(request: EventSourceRequest): EventSource {
  const { descriptor, kind } = request;
  if (!Number.isSafeInteger(descriptor) || descriptor < 0)
    throw new RangeError(
      `descriptor must be an integer >= 0, got ${descriptor}`,
    );
  const all = ways[runtimeName()];
  const first = all.findIndex(([each]) => kind === undefined || each === kind);
  if (first < 0) {
    const names = all.map(([each]) => each).join(", ");
    throw new FfiError(
      "EVENT_SOURCE_KIND",
      `no event source of kind '${kind}' in this runtime, only ${names}`,
    );
  }
  return new FallingBackSource(request, all.slice(first));
}
