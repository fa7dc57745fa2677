import {
  type EventWatch,
  type EventWatchRequest,
  timerPeriodMs,
} from "./event_watch.ts";
import { isReadable } from "./poll_descriptor.ts";

/** Timers differ in type between the runtimes; both of these have `ref` and `unref`. */
interface HeldTimer {
  ref(): unknown;
  unref(): unknown;
}

/** Looks at the descriptor from a timer: late, but everywhere. */
class TimerWatch implements EventWatch {
  readonly #request: EventWatchRequest;
  #timer: HeldTimer | undefined;
  #kept = true;
  #closed = false;

  constructor(request: EventWatchRequest) {
    this.#request = request;
  }

  arm(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => this.#look(),
      timerPeriodMs,
    ) as unknown as HeldTimer;
    if (!this.#kept) this.#timer.unref();
  }

  rest(): void {
    if (this.#timer !== undefined)
      clearTimeout(this.#timer as unknown as ReturnType<typeof setTimeout>);
    this.#timer = undefined;
  }

  ref(): void {
    this.#kept = true;
    this.#timer?.ref();
  }

  unref(): void {
    this.#kept = false;
    this.#timer?.unref();
  }

  close(): void {
    this.#closed = true;
    this.rest();
  }

  #look(): void {
    this.#timer = undefined;
    if (isReadable(this.#request.descriptor)) this.#request.onReady();
    else this.arm();
  }
}

/** Works wherever `poll(2)` can be called. */
export function openTimerWatch(request: EventWatchRequest): EventWatch {
  return new TimerWatch(request);
}
