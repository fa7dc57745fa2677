/** An error to be thrown: its class, a part of its message, or a pattern for it. Without one, any error will do. */
export type ThrownMatch =
  string | RegExp | (abstract new (...args: never[]) => Error);

/** The assertions that both runtimes offer; `Result` is a promise after `rejects` and `resolves`. */
interface Assertions<Result> {
  /** `Object.is`. */
  toBe(expected: unknown): Result;
  /** Deep and strict: prototypes and undefined properties count. */
  toEqual(expected: unknown): Result;
  /** The value is a function that throws; after `rejects`, it is the error. */
  toThrow(expected?: ThrownMatch): Result;
  toBeGreaterThan(limit: number | bigint): Result;
  toBeGreaterThanOrEqual(limit: number | bigint): Result;
  toBeLessThan(limit: number | bigint): Result;
  toBeLessThanOrEqual(limit: number | bigint): Result;
  /** A part of a string, or an item (`===`) of an iterable. */
  toContain(item: unknown): Result;
  toMatch(pattern: RegExp | string): Result;
  toBeInstanceOf(type: abstract new (...args: never[]) => unknown): Result;
  toBeUndefined(): Result;
  toBeDefined(): Result;
  toBeNull(): Result;
  toBeTruthy(): Result;
  toBeFalsy(): Result;
  toHaveLength(length: number): Result;
}

/** Assertions about one value. */
export interface Expectation extends Assertions<void> {
  readonly not: Assertions<void>;
  /** The value is a promise that must be fulfilled; await the result. */
  readonly resolves: Assertions<Promise<void>>;
  /** The value is a promise that must be rejected; await the result. */
  readonly rejects: Assertions<Promise<void>>;
}

/** Starts an assertion. */
export type Expect = (actual: unknown) => Expectation;

/** Names of all assertions, for a runner that wraps each of them. */
export type AssertionName = keyof Assertions<void>;
