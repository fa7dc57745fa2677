/** In which state a session is, who leaves, and who waits for what. */
import type { Goodbye } from "../../wire/control_bodies.ts";
import type { Session, SessionEnd, SessionState } from "../session.ts";
import { SessionClosedError } from "../session_errors.ts";
import type { Link } from "./link.ts";
import { lostCode } from "./link_end.ts";
import { reportError } from "./report_error.ts";
import type {
  SequenceRange,
  SessionListeners,
  SessionSettings,
} from "./settings.ts";

/** How this side leaves. */
export interface Leaving {
  readonly code: number;
  readonly reason: string;
  readonly redirect: string | undefined;
  /** Whether the goodbye is out; it waits for what was taken before. */
  isSaid: boolean;
}

/** What the parts of a session know of it in common. */
export class SessionLife {
  readonly session: Session;
  readonly settings: SessionSettings;
  /** Its connection; undefined before the first one, between two, and after the last. */
  link: Link | undefined;
  /** Set when this side leaves. */
  leaving: Leaving | undefined;
  /** Set when the peer leaves. */
  peerGoodbye: Goodbye | undefined;
  #state: SessionState = "opening";
  #end: SessionEnd | undefined;
  readonly #endWaiters: ((end: SessionEnd) => void)[] = [];
  readonly #openWaiters: PromiseWithResolvers<void>[] = [];

  constructor(session: Session, settings: SessionSettings) {
    this.session = session;
    this.settings = settings;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** How it ended. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Whether messages of ours are refused. */
  get isLeavingOrOver(): boolean {
    return this.#state === "closed" || this.#state === "draining";
  }

  /** Another state, of which the listener hears. */
  become(state: SessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.tell((listeners) => listeners.onStateChange?.(state, this.session));
  }

  /** Calls a listener; one that throws disturbs nothing. */
  tell(call: (listeners: SessionListeners) => void): void {
    try {
      call(this.settings.listeners);
    } catch (error) {
      reportError(this.settings, this.session, error);
    }
  }

  /** Tells that messages of ours may be lost. */
  tellUnconfirmed(unknown: SequenceRange): void {
    this.tell((listeners) => listeners.onUnconfirmed?.(unknown, this.session));
  }

  /** Resolves when the hellos are through. @throws {SessionClosedError} when the session ends before */
  async whenOpen(): Promise<void> {
    if (this.#end !== undefined) throw this.closedError();
    if (this.link?.isOpen === true) return;
    const waiter = Promise.withResolvers<void>();
    this.#openWaiters.push(waiter);
    await waiter.promise;
  }

  /** The hellos are through. */
  opened(): void {
    for (const waiter of this.#openWaiters.splice(0)) waiter.resolve();
  }

  /** Resolves when the session is over. */
  whenEnded(): Promise<SessionEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    return new Promise((resolve) => this.#endWaiters.push(resolve));
  }

  /** It is over: nothing is sent from now on. Returns what is thrown from then on. */
  over(end: SessionEnd): SessionClosedError {
    this.#end = end;
    return this.closedError();
  }

  /** Lets those go who wait for it to open. */
  neverOpened(error: SessionClosedError): void {
    for (const waiter of this.#openWaiters.splice(0)) waiter.reject(error);
  }

  /** The last word to all who wait for it. */
  tellEnd(end: SessionEnd): void {
    this.tell((listeners) => listeners.onEnd?.(end, this.session));
    for (const waiter of this.#endWaiters.splice(0)) waiter(end);
  }

  /** Why nothing can be sent. */
  closedError(): SessionClosedError {
    const why = this.#end ?? this.peerGoodbye ?? this.leaving;
    const reason =
      this.#end?.reason ?? this.peerGoodbye?.reason ?? this.leaving?.reason;
    return new SessionClosedError(
      `the session is ${this.#state}${reason === undefined || reason === "" ? "" : `: ${reason}`}`,
      why?.code ?? lostCode,
      { cause: this.#end?.error },
    );
  }
}
