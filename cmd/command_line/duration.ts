/** Durations as people write them: `500ms`, `30s`, `5m`, `1h30m`. */
import { Refused } from "./refused.ts";
import { shaped, type ValueParser } from "./value_shape.ts";

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Largest duration: 10 years, far beyond any use and within what timers and the queue can hold. */
const durationMsMax = 3650 * 86_400_000;
/** Longest time of a timer, in whole days: with more than 2**31 - 1 ms it would fire at once. */
export const timerMsMax: number = 24 * 86_400_000;
const spans = String.raw`(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+`;
const whole = new RegExp(`^${spans}$`);
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** Bounds of a duration, in milliseconds. */
export interface DurationBounds {
  /** @default 0 */
  readonly minMs?: number;
  /** @default 10 years */
  readonly maxMs?: number;
}

/** Milliseconds as a duration with the largest unit that fits. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const size = unitMs[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/**
 * Parses a duration into milliseconds, rounded to the nearest.
 *
 * @throws {Refused} for a missing unit, another unit, or a value outside of the bounds
 */
export function parseDuration(
  text: string,
  bounds: DurationBounds = {},
): number {
  const minMs = bounds.minMs ?? 0;
  const maxMs = bounds.maxMs ?? durationMsMax;
  const allowed = `a duration such as 500ms, 30s or 5m, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  let totalMs = 0;
  if (text !== "0") {
    if (!whole.test(text)) throw new Refused(text, allowed);
    for (const [, number, unit] of text.matchAll(part)) {
      totalMs += Number(number) * (unitMs[unit ?? ""] ?? Number.NaN);
    }
  }
  totalMs = Math.round(totalMs);
  if (!(totalMs >= minMs && totalMs <= maxMs)) throw new Refused(text, allowed);
  return totalMs;
}

/** What a text must look like, before bounds are looked at. */
const durationPattern = new RegExp(`^(?:0|${spans})$`);
const rangePattern = new RegExp(`^(?:0|${spans})(?:\\.\\.(?:0|${spans}))?$`);

/** A parser for durations within bounds, in milliseconds; see `parseDuration`. */
export function duration(bounds: DurationBounds = {}): ValueParser<number> {
  return shaped((text) => parseDuration(text, bounds), {
    kind: "duration",
    pattern: durationPattern,
  });
}

/** A range of durations, in milliseconds; `min` is at most `max`. */
export interface DurationRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Parses `1s..5m`; a single duration is both ends.
 *
 * @throws {Refused} when an end is no duration or the ends are the wrong way round
 */
export function parseDurationRange(text: string): DurationRange {
  const ends = text.split("..");
  const [low = "", high = low] = ends;
  const allowed = "a range such as 1s..5m, the smaller first";
  if (ends.length > 2) throw new Refused(text, allowed);
  const minMs = parseDuration(low);
  const maxMs = parseDuration(high);
  if (minMs > maxMs) throw new Refused(text, allowed);
  return { minMs, maxMs };
}

/** A parser for ranges of durations; see `parseDurationRange`. */
export const durationRange: ValueParser<DurationRange> = shaped(
  parseDurationRange,
  { kind: "range", pattern: rangePattern },
);
