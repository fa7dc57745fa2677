/** Outputs go to the worker's stdout. */
import { type Framing, frameRecords } from "../../records/framing.ts";
import { onceAborted } from "../../processes/lifecycle.ts";
import { writeOut } from "../../standard_streams/output.ts";
import type { Delivery, Destination } from "./destination.ts";

/** How long a write may go on when the handlers are stopped. */
const lastWriteMs = 100;

/** Writes outputs one after the other. */
export class StdoutDestination implements Destination {
  readonly #framing: Framing;
  readonly #leaving: AbortSignal;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(framing: Framing, leaving: AbortSignal) {
    this.#framing = framing;
    this.#leaving = leaving;
  }

  async deliver(output: Uint8Array): Promise<Delivery> {
    const { bytes } = frameRecords([output], this.#framing);
    if (bytes.byteLength === 0) return "delivered";
    let givenUp = false;
    const mine = this.#writing.then(async (): Promise<Delivery> => {
      if (givenUp) return "given up";
      await writeOut(bytes);
      return "delivered";
    });
    this.#writing = mine.catch(() => undefined);
    const unread = Promise.withResolvers<Delivery>();
    let timer: Timer | undefined;
    const giveUpSoon = (): void => {
      timer = setTimeout(() => unread.resolve("given up"), lastWriteMs);
    };
    onceAborted(this.#leaving, giveUpSoon);
    try {
      return await Promise.race([mine, unread.promise]);
    } finally {
      givenUp = true;
      clearTimeout(timer);
      this.#leaving.removeEventListener("abort", giveUpSoon);
    }
  }
}
