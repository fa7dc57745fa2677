/**
 * One small test API for Bun and Deno. In Bun it is `bun:test`; in Deno it is
 * `Deno.test` with `node:assert`. A file written against it runs in both.
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import type { Expect } from "./expectation.ts";
import type { Runner } from "./runner.ts";

/** What a test body may return. */
export type TestBody = () => void | Promise<void>;

/** Options of a single test. */
export interface TestOptions {
  /** Milliseconds until the test counts as failed. @default 5000 */
  readonly timeoutMs?: number;
}

/** Something that a machine may not let a test do. */
export interface Privilege {
  /** Named in the closing summary when it is missing. */
  readonly name: string;
  /** Whether this process has it. */
  readonly held: () => boolean;
}

/** Being the superuser. */
export const superuser: Privilege = {
  name: "root",
  held: () => process.getuid?.() === 0,
};

const timeoutMsDefault = 5000;

async function loadRunner(): Promise<{ runner: Runner; expect: Expect }> {
  // Each of them names things that the other runtime does not have.
  return "Bun" in globalThis
    ? await import("./runner_bun.ts")
    : await import("./runner_deno.ts");
}

const loaded = await loadRunner();

/** Assertions about a value; `toEqual` is strict in both runtimes (prototypes and undefined properties count). */
export const expect: Expect = loaded.expect;

/** Groups tests; groups nest. `body` must be synchronous. */
export function describe(name: string, body: () => void): void {
  loaded.runner.describe(name, body);
}

/** Registers a test, named by the behaviour that it shows. */
export function test(
  name: string,
  body: TestBody,
  options: TestOptions = {},
): void {
  loaded.runner.test(name, body, options.timeoutMs ?? timeoutMsDefault);
}

/**
 * Registers a test that needs a privilege. Without it the test is left out and
 * the closing summary says so, by name and with the reason.
 */
export function testIf(
  privilege: Privilege,
  reason: string,
  name: string,
  body: TestBody,
  options: TestOptions = {},
): void {
  if (privilege.held()) {
    test(name, body, options);
    return;
  }
  const line = JSON.stringify({ name, privilege: privilege.name, reason });
  const file = process.env.RINGWIRE_TEST_LEFT_OUT;
  if (file === undefined || file === "") {
    console.error(`left out: ${name}: needs ${privilege.name} ${reason}`);
  } else {
    appendFileSync(file, `${line}\n`);
  }
}

/** Runs before each test of the group (or file) it stands in, outer groups first. */
export function beforeEach(body: TestBody): void {
  loaded.runner.beforeEach(body);
}

/** Runs after each test of the group (or file), inner groups first, also when the test failed. */
export function afterEach(body: TestBody): void {
  loaded.runner.afterEach(body);
}

/** Runs once, before the first test of the group (or file). */
export function beforeAll(body: TestBody): void {
  loaded.runner.beforeAll(body);
}

/** Runs once, after the last test of the group (or file). */
export function afterAll(body: TestBody): void {
  loaded.runner.afterAll(body);
}
