/** Where the output of a handler that has succeeded goes. */
import type { Job } from "../../../src/queue/mod.ts";

/** What became of an output. */
export type Delivery =
  | "delivered"
  /** The worker has to leave and nobody takes the output: the message must come again. */
  | "given up";

/** Takes outputs, each whole, never mixed with another one. */
export interface Destination {
  /**
   * @throws {BrokenPipe} when the reader of stdout is gone
   * @throws {OutputRefused} when this output will never be accepted
   * @throws what else writing throws; then the worker cannot go on
   */
  deliver(output: Uint8Array, jobs: readonly Job[]): Promise<Delivery>;
}

/** An output that cannot be passed on, whoever tries. */
export class OutputRefused extends Error {}
