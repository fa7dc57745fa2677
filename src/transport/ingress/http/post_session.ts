/** The session of one request of HTTP: it comes, is handled, and is over. */
import { CloseCode } from "../../../wire/close_codes.ts";
import { UnsupportedFeatureError } from "../../errors.ts";
import { FramelessSession } from "../frameless_session.ts";

/** A session to which nothing can be sent. */
export class PostSession extends FramelessSession {
  readonly connection = undefined;
  protected readonly queuedBytes = 0;
  readonly #cut = new AbortController();

  /** Comes in. @throws {NotAdmittedError} */
  begin(credentials: string | undefined): Promise<void> {
    return this.enter(credentials);
  }

  /** Fires when the server ends it. */
  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  /** A message or request has come. */
  received(kind: "message" | "request", sizeBytes: number): void {
    if (kind === "message") this.counters.messagesReceived += 1;
    else this.counters.requestsReceived += 1;
    this.counters.bytesReceived += sizeBytes;
  }

  /** It has its answer, or its client has gone. */
  finished(): void {
    this.over("peer", CloseCode.Normal, "");
  }

  protected put(): boolean {
    throw new UnsupportedFeatureError(
      `${this.id} is a request of HTTP: nothing can be sent to it but its answer`,
    );
  }

  protected finish(code: number, reason: string): void {
    this.#cut.abort(new Error(reason));
    this.over("us", code, reason);
  }

  protected cut(reason: string): void {
    this.finish(CloseCode.GoingAway, reason);
  }
}
