/** How many connections a process can hold. */
import { descriptorLimit } from "../../base/descriptor_limit.ts";
import { TransportError } from "../errors.ts";

/** Descriptors left for everything else: listeners, files, connections that are being refused. */
const descriptorsReserved = 256;

/** More connections were asked for than one process may have. */
export class ConnectionLimitError extends TransportError {
  /** What was asked for. */
  readonly given: number;
  /** What this process may have. */
  readonly allowed: number;
  /** Processes that could share them. */
  readonly processes: number;

  constructor(given: number, allowed: number, limit: number) {
    const processes = Math.ceil(given / Math.max(1, allowed));
    super(
      `maxConnections: given ${given}, allowed at most ${allowed} in one process (${limit} descriptors by RLIMIT_NOFILE, ${limit - allowed} kept for everything else); share them between processes: { processes: ${processes} }`,
      { code: "ConnectionLimit" },
    );
    this.given = given;
    this.allowed = allowed;
    this.processes = processes;
  }
}

/** Connections that this process may hold; Infinity where nobody tells. A small limit keeps a quarter in reserve. */
export function connectionCapacity(limit: number = descriptorLimit()): number {
  return Math.max(
    1,
    limit - Math.min(descriptorsReserved, Math.ceil(limit / 4)),
  );
}

/**
 * The number of connections to allow.
 *
 * @param given undefined for as many as are usual and possible
 * @throws {ConnectionLimitError} when the process cannot hold so many
 */
export function checkMaxConnections(
  given: number | undefined,
  usual: number,
  limit: number = descriptorLimit(),
): number {
  const capacity = connectionCapacity(limit);
  if (given === undefined) return Math.min(usual, capacity);
  if (given > capacity) throw new ConnectionLimitError(given, capacity, limit);
  return given;
}
