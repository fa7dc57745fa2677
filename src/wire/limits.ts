/** Bounds of what a receiver takes. It announces them in its hello; each is checked on what is declared, before memory is taken for it. */

/** The version of the protocol that this module speaks: the lowest and the highest. */
export const protocolVersion = { min: 1, max: 1 } as const;

/** Bounds of one direction, set by its receiver. */
export interface WireLimits {
  /** Payload of a message, after decompression too. @default 16777216 */
  readonly maxMessageBytes: number;
  /** Payload of one frame; longer messages are sent in fragments. @default 32768 */
  readonly maxFragmentBytes: number;
  /** Headers block of a message. @default 8192 */
  readonly maxHeadersBytes: number;
  /** Headers of a message. @default 64 */
  readonly maxHeaderCount: number;
  /** Body of a frame that is not a data frame. @default 16384 */
  readonly maxControlBytes: number;
  /** Declared bytes of all messages of which some fragments are missing. @default 33554432 */
  readonly maxReassemblyBytes: number;
  /** Messages of which some fragments are missing. @default 64 */
  readonly maxReassemblyMessages: number;
}

/** What a receiver takes when nobody says otherwise. */
export const wireLimitsDefault: WireLimits = {
  maxMessageBytes: 16_777_216,
  maxFragmentBytes: 32_768,
  maxHeadersBytes: 8192,
  maxHeaderCount: 64,
  maxControlBytes: 16_384,
  maxReassemblyBytes: 33_554_432,
  maxReassemblyMessages: 64,
};

/** The least and the most that each limit may be. */
export const wireLimitBounds: Readonly<
  Record<keyof WireLimits, readonly [min: number, max: number]>
> = {
  maxMessageBytes: [1024, 2 ** 30],
  maxFragmentBytes: [1024, 2 ** 20],
  maxHeadersBytes: [1024, 65_536],
  maxHeaderCount: [16, 1024],
  maxControlBytes: [4096, 65_536],
  maxReassemblyBytes: [1024, 2 ** 31],
  maxReassemblyMessages: [1, 4096],
};

/**
 * Limits with defaults for those that are not given. `maxReassemblyBytes` becomes at least `maxMessageBytes`.
 *
 * @throws {RangeError} when one is out of bounds
 */
export function wireLimits(given: Partial<WireLimits> = {}): WireLimits {
  const limits: Record<string, number> = {};
  for (const [name, [min, max]] of Object.entries(wireLimitBounds)) {
    const key = name as keyof WireLimits;
    const value = given[key] ?? wireLimitsDefault[key];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(
        `${name}: given ${value}, allowed an integer from ${min} to ${max} (${name.endsWith("Bytes") ? "bytes" : "count"})`,
      );
    }
    limits[name] = value;
  }
  const whole = limits as unknown as WireLimits;
  return {
    ...whole,
    maxReassemblyBytes: Math.max(
      whole.maxReassemblyBytes,
      whole.maxMessageBytes,
    ),
  };
}
