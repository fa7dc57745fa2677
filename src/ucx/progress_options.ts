/** How a progress driver divides its time between speed and a processor that rests. */
import { z } from "zod";
import { checkOptions, integerWithin, oneOf } from "../base/option_check.ts";

/** See {@linkcode ProgressOptions}. Everything has a default. */
export interface ProgressOptions {
  /**
   * - `adaptive`: spins, then pumps, then sleeps
   * - `busy`: pumps as long as somebody waits, at the price of a whole processor; for the shortest latency
   * - `sleep`: does not pump; each wait costs a wake-up of 50 to 100 µs, and the processor rests
   *
   * @default "adaptive"
   */
  readonly mode?: "adaptive" | "busy" | "sleep" | undefined;
  /** Microseconds that a call looks for its result before it waits for it; the event loop stands still. @default 20 */
  readonly spinUs?: number | undefined;
  /** Microseconds since something happened last that the event loop is turned without pause. @default 200 */
  readonly pumpUs?: number | undefined;
  /**
   * Milliseconds without an event after which a sleeper looks by itself, should one have been lost; 0 for never. A look
   * costs 0.2 ms of a processor, since nothing of it is in a cache any more: every 100 ms they are 0.2 %. @default 2000
   */
  readonly backstopMs?: number | undefined;
}

/** {@linkcode ProgressOptions} with every default in place. */
export type ResolvedProgressOptions = {
  readonly [Key in keyof ProgressOptions]-?: Exclude<
    ProgressOptions[Key],
    undefined
  >;
};

/** For configurations that contain these options. */
export const progressSchema: z.ZodType<ResolvedProgressOptions> =
  z.strictObject({
    mode: oneOf("adaptive", "busy", "sleep").default("adaptive"),
    spinUs: integerWithin(0, 1_000_000, "microseconds").default(20),
    pumpUs: integerWithin(0, 60_000_000, "microseconds").default(200),
    backstopMs: integerWithin(0, 2 ** 31 - 1, "milliseconds").default(2000),
  });

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} when a number is out of bounds
 * @throws {TypeError} for anything else that is wrong, unknown names included
 */
export function resolveProgressOptions(
  options: ProgressOptions,
): ResolvedProgressOptions {
  return checkOptions(progressSchema, options, "progress options");
}
