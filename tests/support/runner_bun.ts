import type { Expect, Expectation } from "./expectation.ts";
import type { Body, Runner } from "./runner.ts";

/** The part of `bun:test` used here. Declared by hand because Deno's checker cannot resolve `bun:` modules. */
interface BunTest {
  describe(name: string, body: () => void): void;
  test(name: string, body: Body, options: { timeout: number }): void;
  beforeEach(body: Body): void;
  afterEach(body: Body): void;
  beforeAll(body: Body): void;
  afterAll(body: Body): void;
  expect(actual: unknown): BunExpectation;
}

type BunExpectation = Record<string, unknown> & {
  toStrictEqual(expected: unknown): void;
  readonly not: BunExpectation;
  readonly resolves: BunExpectation;
  readonly rejects: BunExpectation;
};

const bunTestModule = "bun:test";
const bun = (await import(bunTestModule)) as BunTest;

/** Bun's `toEqual` overlooks prototypes and undefined properties, node:assert does not: be strict in both. */
function strict(matchers: BunExpectation): Expectation {
  return new Proxy(matchers, {
    get(target, name) {
      if (name === "not" || name === "resolves" || name === "rejects") {
        return strict(target[name]);
      }
      const key = name === "toEqual" ? "toStrictEqual" : name;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  }) as unknown as Expectation;
}

export const expect: Expect = (actual) => strict(bun.expect(actual));

export const runner: Runner = {
  describe: bun.describe,
  test: (name, body, timeoutMs) => bun.test(name, body, { timeout: timeoutMs }),
  beforeEach: bun.beforeEach,
  afterEach: bun.afterEach,
  beforeAll: bun.beforeAll,
  afterAll: bun.afterAll,
};
