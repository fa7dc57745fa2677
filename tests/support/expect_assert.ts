/** The assertions of `Expectation` on top of `node:assert`. */
import assert from "node:assert";
import { inspect } from "node:util";
import type {
  AssertionName,
  Expect,
  Expectation,
  ThrownMatch,
} from "./expectation.ts";

type Check = (actual: unknown, expected: unknown) => boolean;

function isOrdered(
  compare: (a: number | bigint, b: number | bigint) => boolean,
): Check {
  return (actual, limit) => {
    for (const value of [actual, limit]) {
      if (typeof value !== "number" && typeof value !== "bigint") {
        throw new TypeError(`not a number: ${inspect(value)}`);
      }
    }
    return compare(actual as number | bigint, limit as number | bigint);
  };
}

function matches(actual: unknown, pattern: unknown): boolean {
  if (typeof actual !== "string") {
    throw new TypeError(`not a string: ${inspect(actual)}`);
  }
  return pattern instanceof RegExp
    ? new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).test(
        actual,
      )
    : actual.includes(String(pattern));
}

function contains(actual: unknown, item: unknown): boolean {
  if (typeof actual === "string") return actual.includes(String(item));
  return [...(actual as Iterable<unknown>)].some((each) => each === item);
}

function isDeeplyEqual(actual: unknown, expected: unknown): boolean {
  try {
    assert.deepStrictEqual(actual, expected);
    return true;
  } catch {
    return false;
  }
}

function isExpectedError(
  error: unknown,
  expected: ThrownMatch | undefined,
): boolean {
  if (expected === undefined) return true;
  if (typeof expected === "function") return error instanceof expected;
  return matches(error instanceof Error ? error.message : error, expected);
}

function throws(actual: unknown, expected: unknown): boolean {
  if (typeof actual !== "function") {
    throw new TypeError(`not a function: ${inspect(actual)}`);
  }
  try {
    actual();
  } catch (error) {
    return isExpectedError(error, expected as ThrownMatch | undefined);
  }
  return false;
}

const checks: Readonly<Record<AssertionName, Check>> = {
  toBe: Object.is,
  toEqual: isDeeplyEqual,
  toThrow: throws,
  toBeGreaterThan: isOrdered((a, b) => a > b),
  toBeGreaterThanOrEqual: isOrdered((a, b) => a >= b),
  toBeLessThan: isOrdered((a, b) => a < b),
  toBeLessThanOrEqual: isOrdered((a, b) => a <= b),
  toContain: contains,
  toMatch: matches,
  toBeInstanceOf: (actual, type) =>
    actual instanceof (type as new () => unknown),
  toBeUndefined: (actual) => actual === undefined,
  toBeDefined: (actual) => actual !== undefined,
  toBeNull: (actual) => actual === null,
  toBeTruthy: (actual) => Boolean(actual),
  toBeFalsy: (actual) => !actual,
  toHaveLength: (actual, length) =>
    (actual as ArrayLike<unknown>).length === length,
};

function verify(
  name: AssertionName,
  check: Check,
  wanted: boolean,
  actual: unknown,
  expected: unknown,
): void {
  if (check(actual, expected) === wanted) return;
  if (name === "toEqual" && wanted) assert.deepStrictEqual(actual, expected);
  const not = wanted ? "" : "not.";
  throw new assert.AssertionError({
    message: `expect(${inspect(actual)}).${not}${name}(${inspect(expected)})`,
    actual,
    expected,
    operator: name,
  });
}

const names = Object.keys(checks) as AssertionName[];

function synchronous(actual: unknown, wanted: boolean) {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (expected: unknown) =>
        verify(name, checks[name], wanted, actual, expected),
    ]),
  );
}

async function settle(
  actual: unknown,
  wanted: "fulfilled" | "rejected",
): Promise<unknown> {
  const [outcome] = await Promise.allSettled([actual]);
  if (outcome?.status !== wanted) {
    assert.fail(`the promise was not ${wanted}: ${inspect(outcome)}`);
  }
  return outcome.status === "fulfilled" ? outcome.value : outcome.reason;
}

function asynchronous(actual: unknown, wanted: "fulfilled" | "rejected") {
  return Object.fromEntries(
    names.map((name) => [
      name,
      async (expected: unknown) => {
        const value = await settle(actual, wanted);
        // After `rejects` the value is what was thrown, not a function that throws.
        const check: Check =
          name === "toThrow"
            ? (error, match) =>
                isExpectedError(error, match as ThrownMatch | undefined)
            : checks[name];
        verify(name, check, true, value, expected);
      },
    ]),
  );
}

export const expect: Expect = (actual) =>
  ({
    ...synchronous(actual, true),
    not: synchronous(actual, false),
    resolves: asynchronous(actual, "fulfilled"),
    rejects: asynchronous(actual, "rejected"),
  }) as unknown as Expectation;
