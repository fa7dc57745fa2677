/** Requests of ours that wait for an answer. */
import type { IncomingMessage } from "../message.ts";
import type { Outgoing } from "./outgoing.ts";
import { WheelEntry } from "./timer_wheel.ts";

/** One request. */
export class PendingRequest extends WheelEntry {
  readonly id: number;
  readonly resolve: (answer: IncomingMessage) => void;
  readonly reject: (error: unknown) => void;
  /** What was sent, as long as it may have to be sent once more, or waits. */
  outgoing: Outgoing | undefined = undefined;
  isIdempotent = false;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;
  onExpired: ((request: PendingRequest) => void) | undefined = undefined;

  constructor(
    id: number,
    resolve: (answer: IncomingMessage) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.id = id;
    this.resolve = resolve;
    this.reject = reject;
  }

  override expired(): void {
    this.onExpired?.(this);
  }

  /** Listens to its signal no more. */
  release(): void {
    if (this.signal === undefined || this.onAbort === undefined) return;
    this.signal.removeEventListener("abort", this.onAbort);
    this.onAbort = undefined;
  }
}
