/** Messages for an iterator. Nothing is lost and little is kept: what waits here costs the server its credit. */
import type { IncomingMessage } from "../message.ts";

interface Waiting {
  readonly message: IncomingMessage;
  /** Gives the credit back. */
  readonly taken: () => void;
}

type Taker = (result: IteratorResult<IncomingMessage, undefined>) => void;

/** What has come and was not taken yet. */
export class Inbox implements AsyncIterableIterator<
  IncomingMessage,
  undefined
> {
  #waiting: Waiting[] = [];
  #takers: Taker[] = [];
  #isOver = false;
  readonly #onReturn: () => void;

  /** @param onReturn called once when whoever takes has had enough */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  /** Messages that wait. */
  get count(): number {
    return this.#waiting.length;
  }

  /** Takes a message in. The promise is resolved when somebody has taken it out. */
  put(message: IncomingMessage): void | Promise<void> {
    if (this.#isOver) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker({ done: false, value: message });
      return;
    }
    return new Promise((taken) => {
      this.#waiting.push({ message, taken });
    });
  }

  /** Nothing more will come. What waits can still be taken. */
  end(): void {
    this.#isOver = true;
    for (const taker of this.#takers.splice(0))
      taker({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<IncomingMessage, undefined>> {
    const first = this.#waiting.shift();
    if (first !== undefined) {
      first.taken();
      return Promise.resolve({ done: false, value: first.message });
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  return(): Promise<IteratorResult<IncomingMessage, undefined>> {
    if (!this.#isOver) this.#onReturn();
    this.end();
    for (const { taken } of this.#waiting.splice(0)) taken();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
