/**
 * The one root of every error that Ringwire throws on purpose.
 *
 * Misuse of the API (a wrong type, a value out of range) is a plain `TypeError` or `RangeError`; everything that can
 * happen to correct code is a `RingwireError` with a stable {@linkcode RingwireError.code}.
 */

/** What every Ringwire error carries besides its message. */
export interface RingwireErrorInit {
  /** Stable machine-readable name of the condition, e.g. `"QueueFull"`. */
  readonly code: string;
  /** Whether the same call may succeed later without any change by the caller. @default false */
  readonly retryable?: boolean;
  /** The failure underneath, if any. */
  readonly cause?: unknown;
}

/** Root of all Ringwire errors. Catch a subclass, or compare {@linkcode code}. */
export class RingwireError extends Error {
  /** Stable name of the condition; never localised, never reused for another condition. */
  readonly code: string;
  /** Whether repeating the call unchanged may succeed. */
  readonly retryable: boolean;

  constructor(message: string, init: RingwireErrorInit) {
    super(
      message,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.name = new.target.name;
    this.code = init.code;
    this.retryable = init.retryable ?? false;
  }
}
