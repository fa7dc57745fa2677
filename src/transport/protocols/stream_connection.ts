/**
 * What all connections over streams have in common: their states, how they end, and what is counted. What a runtime does
 * differently is in its subclasses.
 *
 * open → closing (our close, or the peer's end) → closed. A graceful close first brings out what was taken, then ends our
 * direction, and then reads until the peer ends its own: closing while bytes of the peer are unread would send it a reset,
 * which may destroy what it has not read yet.
 */
import { warn } from "../../base/warnings.ts";
import type {
  CloseKind,
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionStart,
  ConnectionStatistics,
} from "../adapter.ts";
import { ConnectionClosedError, type TransportError } from "../errors.ts";
import { closeKindOf, toTransportError } from "../system_errors.ts";
import type { TlsInfo } from "../tls_options.ts";

/** What a connection is made with. */
export interface StreamStart {
  readonly scheme: string;
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly tls?: TlsInfo | undefined;
  readonly closeTimeoutMs: number;
  /** Called once, before the handler's `closed`. */
  readonly onClosed: (connection: StreamConnection) => void;
}

/** What `onConnection` has thrown, so that it is not taken for an error of the runtime. */
export class StartFailure extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super(thrown instanceof Error ? thrown.message : String(thrown));
    this.thrown = thrown;
  }
}

/** How a close that has begun will be reported. */
interface Closing {
  readonly kind: CloseKind;
  readonly reason: string;
  /** The peer's. */
  readonly code?: number | undefined;
  readonly error?: TransportError | undefined;
}

/** Hears nothing: in place until a connection has its handler. */
const deaf: ConnectionHandler = { data() {}, drain() {}, closed() {} };

/** A connection over a stream. Methods that are not of `Connection` are for the subclasses and their runtimes. */
export abstract class StreamConnection implements Connection {
  readonly scheme: string;
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly tls: TlsInfo | undefined;
  readonly canPause: boolean = true;
  readonly #start: StreamStart;
  #state: "open" | "closing" | "closed" = "open";
  #handler: ConnectionHandler = deaf;
  #closeReason: CloseReason | undefined;
  #resolveClosed: (reason: CloseReason) => void = () => {};
  readonly #closed: Promise<CloseReason>;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #closing: Closing = { kind: "peer", reason: "" };
  #drainWanted = false;
  #peerHasEnded = false;
  #writesFinished = false;
  #released = false;
  #unsentBytes = 0;
  #bytesReceived = 0;
  #bytesSent = 0;
  #chunks = 0;
  #writes = 0;
  #shortWrites = 0;
  readonly #openedAtMs = Date.now();
  #lastActivityAtMs = this.#openedAtMs;

  constructor(start: StreamStart) {
    this.#start = start;
    this.scheme = start.scheme;
    this.peerAddress = start.peerAddress;
    this.localAddress = start.localAddress;
    this.tls = start.tls;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Bytes taken that the system does not have yet. */
  abstract get queuedBytes(): number;
  /** Takes a first part of some bytes, at least 1: writes or copies it. `writable()` must follow when it takes less than all. */
  protected abstract take(chunk: Uint8Array, from: number, to: number): number;
  /** Starts or stops reading. */
  protected abstract setReading(isReading: boolean): void;
  /**
   * Brings out what is queued, then ends our direction, then calls `writesFinished()`.
   *
   * @param code what `close` was given, or the peer's own code when that has ended it
   */
  protected abstract finishWrites(
    code: number | undefined,
    reason: string,
  ): void;
  /** Gives the socket back to the system after both directions have ended, or when waiting is over; then `gone()`. */
  protected abstract release(): void;
  /** Gives the socket back at once, with a reset where the runtime can. `gone()` need not follow. */
  protected abstract destroy(): void;

  /** Gives the connection its handler. @throws {StartFailure} with what `onConnection` throws, after aborting */
  begin(onConnection: ConnectionStart): void {
    try {
      const handler = onConnection(this);
      if (typeof handler?.data !== "function")
        throw new TypeError(
          `onConnection: given ${handler === null ? "null" : typeof handler}, allowed a handler with data, drain and closed`,
        );
      this.#handler = handler;
    } catch (error) {
      this.abort("onConnection threw");
      throw new StartFailure(error);
    }
  }

  get state(): "open" | "closing" | "closed" {
    return this.#state;
  }

  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  get statistics(): ConnectionStatistics {
    return {
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#bytesSent,
      chunks: this.#chunks,
      writes: this.#writes,
      shortWrites: this.#shortWrites,
      openedAtMs: this.#openedAtMs,
      lastActivityAtMs: this.#lastActivityAtMs,
    };
  }

  write(chunk: Uint8Array, from = 0, to: number = chunk.length): number {
    if (this.#state !== "open") throw this.#closedError();
    const wanted = to - from;
    if (!(from >= 0 && wanted >= 0 && to <= chunk.length))
      throw new RangeError(
        `write: given ${from}…${to}, allowed within 0…${chunk.length} (bytes of the chunk)`,
      );
    if (wanted === 0) return 0;
    const taken = this.take(chunk, from, to);
    this.took(taken, taken < wanted);
    return taken;
  }

  pause(): void {
    if (this.#state === "open") this.setReading(false);
  }

  resume(): void {
    if (this.#state === "open") this.setReading(true);
  }

  close(code?: number, reason = ""): Promise<CloseReason> {
    if (this.#state === "open")
      this.#beginClosing({ kind: "local", reason }, code);
    return this.#closed;
  }

  abort(reason = "aborted"): void {
    if (this.#state === "closed") return;
    this.#closing = { kind: "aborted", reason };
    this.#unsentBytes = this.queuedBytes;
    this.#released = true;
    this.destroy();
    this.gone();
  }

  /** Bytes have come. What comes while closing is thrown away. */
  received(chunk: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#count(chunk.length);
    try {
      this.#handler.data(chunk);
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  #count(bytes: number): void {
    this.#bytesReceived += bytes;
    this.#chunks += 1;
    this.#lastActivityAtMs = Date.now();
  }

  /** More can be taken. */
  writable(): void {
    if (!this.#drainWanted || this.#state !== "open") return;
    this.#drainWanted = false;
    try {
      this.#handler.drain();
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  /** The peer has ended its direction. */
  peerEnded(): void {
    if (this.#peerHasEnded) return;
    this.#peerHasEnded = true;
    if (this.#state === "closing") {
      if (this.#writesFinished) this.#release();
      return;
    }
    if (this.#state !== "open") return;
    if (this.#handler.ended === undefined) {
      this.#beginClosing({ kind: "peer", reason: "" }, undefined);
      return;
    }
    try {
      this.#handler.ended();
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  /** The peer has ended both directions, in a protocol where it can say so. */
  protected peerClosed(code: number | undefined, reason: string): void {
    this.#peerHasEnded = true;
    if (this.#state === "open")
      this.#beginClosing({ kind: "peer", reason, code }, code);
    else if (this.#writesFinished) this.#release();
  }

  /** The peer has broken the rules: it is told with this code, and nothing more of it is looked at. */
  protected violated(error: TransportError, code: number): void {
    if (this.#state !== "open") return;
    const { message: reason } = error;
    this.#beginClosing({ kind: "protocol", reason, error }, code);
  }

  /** A text has come. */
  protected receivedText(text: string, sizeBytes: number): void {
    if (this.#state !== "open") return;
    this.#count(sizeBytes);
    try {
      this.#handler.text?.(text);
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  /** Whether its handler takes texts. */
  protected get takesText(): boolean {
    return this.#handler.text !== undefined;
  }

  /** Counts bytes that were taken; with `isShort`, `drain` follows. */
  protected took(taken: number, isShort: boolean): void {
    if (taken > 0) {
      this.#bytesSent += taken;
      this.#writes += 1;
      this.#lastActivityAtMs = Date.now();
    }
    if (isShort) {
      this.#shortWrites += 1;
      this.#drainWanted = true;
    }
  }

  /** Everything taken is out, and our direction has ended. */
  writesFinished(): void {
    if (this.#writesFinished) return;
    this.#writesFinished = true;
    if (this.#peerHasEnded) this.#release();
  }

  /** The socket is gone. */
  gone(error?: unknown): void {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    const unsentBytes =
      this.#closing.kind === "aborted" ? this.#unsentBytes : this.queuedBytes;
    this.#state = "closed";
    clearTimeout(this.#deadline);
    this.#closeReason = this.#reasonOf(error, wasOpen, unsentBytes);
    const reason = this.#closeReason;
    // Never from within a call of the program's.
    queueMicrotask(() => {
      this.#start.onClosed(this);
      const handler = this.#handler;
      this.#handler = deaf;
      try {
        handler.closed(reason);
      } catch (thrown) {
        warn(
          `the handler of ${this.peerAddress} threw in closed: ${String(thrown)}`,
        );
      }
      this.#resolveClosed(reason);
    });
  }

  #reasonOf(
    error: unknown,
    wasOpen: boolean,
    unsentBytes: number,
  ): CloseReason {
    const { kind, reason, code, error: ours } = this.#closing;
    // Once everything is out, it does not matter how the peer went.
    const isFailure =
      error !== undefined &&
      error !== null &&
      kind !== "aborted" &&
      kind !== "protocol" &&
      (wasOpen || unsentBytes > 0);
    if (!isFailure) return { kind, code, reason, error: ours, unsentBytes };
    const known = toTransportError(error, "connection to", this.peerAddress);
    return {
      kind: closeKindOf(known),
      code: undefined,
      reason: known.message,
      error: known,
      unsentBytes,
    };
  }

  #beginClosing(closing: Closing, code: number | undefined): void {
    const { reason } = closing;
    this.#state = "closing";
    this.#closing = closing;
    this.#drainWanted = false;
    const { closeTimeoutMs } = this.#start;
    this.#deadline = setTimeout(() => {
      if (this.queuedBytes > 0)
        this.abort(
          `closing took longer than ${closeTimeoutMs} ms${reason === "" ? "" : `: ${reason}`}`,
        );
      else this.#release();
    }, closeTimeoutMs);
    // What the peer sends must be read for its end to be seen.
    this.setReading(true);
    this.finishWrites(code, reason);
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.release();
  }

  #handlerThrew(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    warn(`the handler of ${this.peerAddress} threw: ${text}`);
    this.abort(`the handler threw: ${text}`);
  }

  #closedError(): ConnectionClosedError {
    const why = this.#closeReason;
    return new ConnectionClosedError(
      why === undefined
        ? `the connection to ${this.peerAddress} is closing`
        : `the connection to ${this.peerAddress} is closed (${why.kind}${why.reason === "" ? "" : `: ${why.reason}`})`,
      { address: this.peerAddress, cause: why?.error },
    );
  }
}
