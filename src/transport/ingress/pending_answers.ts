/** Requests and pings that wait for their answer. */
import { TimedOutError } from "../errors.ts";
import type { IncomingMessage } from "../message.ts";

interface Pending {
  readonly resolve: (answer: IncomingMessage | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Those of one session. */
export class PendingAnswers {
  readonly #pending = new Map<number, Pending>();

  get count(): number {
    return this.#pending.size;
  }

  /**
   * Waits for an answer.
   *
   * @param onGivenUp called when nobody waits any more before there is one
   * @throws {TimedOutError} @throws the signal's reason @throws what `fail` is given
   */
  async wait(
    id: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    onGivenUp: () => void,
  ): Promise<IncomingMessage | undefined> {
    let stop = () => {};
    try {
      return await new Promise((resolve, reject) => {
        const onAbort = () => reject(signal?.reason);
        signal?.addEventListener("abort", onAbort);
        const timer = setTimeout(
          () => reject(new TimedOutError(`no answer in ${timeoutMs} ms`)),
          timeoutMs,
        );
        stop = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", onAbort);
        };
        this.#pending.set(id, { resolve, reject });
      });
    } finally {
      stop();
      if (this.#pending.delete(id)) onGivenUp();
    }
  }

  /** An answer has come; one that nobody waits for is passed over. @returns whether somebody did */
  answer(id: number, answer: IncomingMessage | undefined): boolean {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.resolve(answer);
    return pending !== undefined;
  }

  /** An error has come in place of an answer. @returns whether somebody waited */
  fail(id: number, error: unknown): boolean {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.reject(error);
    return pending !== undefined;
  }

  /** No answer will come. */
  failAll(error: unknown): void {
    for (const id of [...this.#pending.keys()]) this.fail(id, error);
  }
}
