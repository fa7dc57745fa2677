/** Requests of those who want to connect to a listener: recorded within UCX, and decided upon afterwards. */
import type { Handle } from "../../../ffi/host.ts";
import type { UcxError } from "../errors.ts";
import { asError } from "./closing.ts";
import type { NativeWorker } from "./native_worker.ts";

/** Somebody wants to connect; decided by the listener's hook. */
export interface ConnectionRequest {
  /** `host:port` of the client. */
  readonly clientAddress: string;
}

/** What a listener does with a request: false refuses it. */
export type AcceptHook = (request: ConnectionRequest) => boolean | undefined;

interface RecordedRequest {
  readonly listener: Handle;
  readonly request: Handle;
  readonly accept: AcceptHook | undefined;
}

/** What it needs of the connections. */
export interface AcceptingContext {
  readonly native: NativeWorker;
  /** Whether there is room for one more; otherwise why not. */
  refusal(): UcxError | undefined;
  /** Makes a connection of a request, which is used up in any case. */
  admit(request: Handle, clientAddress: string, accept: unknown): void;
  /** Refuses a request, which is used up. */
  refuse(listener: Handle, request: Handle, reason: string): void;
  onError(error: Error): void;
}

/** Requests that listeners of one worker have got. */
export class Accepting {
  readonly #context: AcceptingContext;
  readonly #recorded: RecordedRequest[] = [];
  /** Those that a hook is being asked about. */
  readonly #undecided = new Set<RecordedRequest>();

  constructor(context: AcceptingContext) {
    this.#context = context;
  }

  /** Requests that were not looked at. */
  get count(): number {
    return this.#recorded.length;
  }

  /** Called within UCX. */
  record(
    listener: Handle,
    request: Handle,
    accept: AcceptHook | undefined,
  ): void {
    this.#recorded.push({ listener, request, accept });
  }

  /** A listener is about to be closed: the requests that it has left are refused, since they could not be afterwards. */
  drop(listener: Handle): void {
    const isOf = (each: RecordedRequest): boolean => each.listener === listener;
    for (const each of [...this.#undecided, ...this.#recorded].filter(isOf)) {
      if (!this.#undecided.delete(each))
        this.#recorded.splice(this.#recorded.indexOf(each), 1);
      this.#context.refuse(listener, each.request, "the listener is closed");
    }
  }

  /** Decides upon the oldest request. Runs the listener's hook. Returns whether there was one. */
  handleNext(): boolean {
    const next = this.#recorded.shift();
    if (next === undefined) return false;
    const { native, onError } = this.#context;
    const clientAddress = native.clientAddress(next.request);
    this.#undecided.add(next);
    let isWanted = true;
    try {
      isWanted = next.accept?.({ clientAddress }) !== false;
    } catch (error) {
      isWanted = false;
      onError(asError(error));
    }
    // The hook may have closed the listener: then it is refused already.
    if (!this.#undecided.delete(next)) return true;
    const refusal = isWanted ? this.#context.refusal() : undefined;
    if (refusal !== undefined) onError(refusal);
    if (!isWanted || refusal !== undefined)
      this.#context.refuse(
        next.listener,
        next.request,
        refusal?.message ?? "the listener does not accept it",
      );
    else this.#context.admit(next.request, clientAddress, next.accept);
    return true;
  }
}
