/** Outputs become messages of another queue. */
import {
  type CrossProcessQueue,
  HEADER,
  type Job,
  MessageTooLargeError,
} from "../../../src/queue/mod.ts";
import {
  type Framing,
  RecordReader,
  RecordRefused,
} from "../../records/framing.ts";
import { say } from "../../standard_streams/output.ts";
import {
  type Delivery,
  type Destination,
  OutputRefused,
} from "./destination.ts";
import { traceparentOf } from "./handler_input.ts";

/** How long a full queue is waited for in silence. */
const silentMs = 2000;
/** Room for both headers that are passed on. */
const headerBytesMin = 192;

/**
 * Sends outputs before their messages are acknowledged: a worker that is killed in between sends them again. So that a
 * consumer can tell, each has the header `message-id`: where it came from, and which part of that output it is.
 */
export class QueueDestination implements Destination {
  readonly #target: CrossProcessQueue;
  readonly #source: string;
  readonly #split: Framing;
  readonly #leaving: AbortSignal;

  /**
   * @param source uuid of the queue that the messages come from
   * @param split how an output is split into messages; `raw`: all of it is one
   */
  constructor(
    target: CrossProcessQueue,
    source: string,
    split: Framing,
    leaving: AbortSignal,
  ) {
    this.#target = target;
    this.#source = source;
    this.#split = split;
    this.#leaving = leaving;
  }

  async deliver(output: Uint8Array, jobs: readonly Job[]): Promise<Delivery> {
    const records = this.#recordsOf(output);
    for (const [part, record] of records.entries()) {
      if (!(await this.#send(record, this.#headersOf(jobs, part))))
        return "given up";
    }
    return "delivered";
  }

  #recordsOf(output: Uint8Array): Uint8Array[] {
    // A filter that writes nothing passes nothing on.
    if (output.byteLength === 0) return [];
    const reader = new RecordReader(
      this.#split,
      this.#target.info.maxMessageSize,
    );
    try {
      return [...reader.push(output), ...reader.end()];
    } catch (error) {
      if (error instanceof RecordRefused)
        throw new OutputRefused(
          `its output cannot go to queue ${this.#target.name}: ${error.message.replace("of the input", "of it")}`,
          { cause: error },
        );
      throw error;
    }
  }

  #headersOf(
    jobs: readonly Job[],
    part: number,
  ): Readonly<Record<string, string>> | undefined {
    const [job] = jobs;
    // What a batch is made of changes from delivery to delivery, so its outputs have no name that lasts.
    if (job === undefined || jobs.length > 1) return undefined;
    if (this.#target.info.maxHeadersSize < headerBytesMin) return undefined;
    const headers: Record<string, string> = {
      [HEADER.messageId]: `${this.#source}.${job.id}${part === 0 ? "" : `.${part}`}`,
    };
    const traceparent = traceparentOf(job);
    if (traceparent !== undefined) headers[HEADER.traceparent] = traceparent;
    return headers;
  }

  async #send(
    record: Uint8Array,
    headers: Readonly<Record<string, string>> | undefined,
  ): Promise<boolean> {
    const timer = setTimeout(
      () =>
        say(
          `queue ${this.#target.name} is full (${this.#target.info.maxMessages} messages): outputs wait for room`,
        ),
      silentMs,
    );
    const signal = this.#leaving;
    try {
      // Who has to leave does not wait for room, but uses what there is.
      if (signal.aborted) return this.#target.trySend(record, { headers });
      await this.#target.sendWait(record, { headers, signal });
      return true;
    } catch (error) {
      if (error instanceof MessageTooLargeError)
        throw new OutputRefused(error.message, { cause: error });
      if (signal.aborted) return false;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
