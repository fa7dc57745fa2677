/** What an {@linkcode AsyncUcxManager} can be told: everything of a worker, and how it waits. */
import { z } from "zod";
import { checkOptions, integerWithin } from "../../base/option_check.ts";
import { type ProgressOptions, progressSchema } from "../progress_options.ts";
import type { ResolvedProgressOptions } from "../progress_options.ts";
import {
  type ResolvedWorkerConfig,
  resolveWorkerConfig,
  type WorkerConfig,
} from "../worker_config.ts";

/** Configuration of a manager. Everything has a default. */
export interface AsyncManagerConfig extends WorkerConfig {
  /** How its time is divided between speed and a processor that rests. */
  readonly progress?: ProgressOptions | undefined;
  /** Messages of one connection that may wait for the peer's credit; a send beyond them is refused. @default 16384 */
  readonly maxQueuedSends?: number | undefined;
  /** Connections that are being made at a time; more wait for their turn. @default 128 */
  readonly maxConnecting?: number | undefined;
}

/** {@linkcode AsyncManagerConfig} with every default in place. */
export interface ResolvedManagerConfig {
  /** As it was given: for other threads. */
  readonly given: AsyncManagerConfig;
  readonly worker: ResolvedWorkerConfig;
  readonly progress: ResolvedProgressOptions;
  readonly maxQueuedSends: number;
  readonly maxConnecting: number;
}

const schema = z.strictObject({
  progress: progressSchema.prefault({}),
  maxQueuedSends: integerWithin(1, 2 ** 24, "messages").default(16_384),
  maxConnecting: integerWithin(1, 65_536, "connections").default(128),
});

/**
 * Checks a configuration and puts the defaults in.
 *
 * @throws {RangeError} when a number is out of bounds
 * @throws {TypeError} for anything else that is wrong, unknown names included
 */
export function resolveManagerConfig(
  config: AsyncManagerConfig,
): ResolvedManagerConfig {
  if (typeof config !== "object" || config === null)
    throw new TypeError(
      `AsyncManagerConfig: given ${config === null ? "null" : typeof config}, allowed an object`,
    );
  const { progress, maxQueuedSends, maxConnecting, ...worker } = config;
  return {
    given: config,
    ...checkOptions(
      schema,
      { progress, maxQueuedSends, maxConnecting },
      "AsyncManagerConfig",
    ),
    worker: resolveWorkerConfig(worker),
  };
}
