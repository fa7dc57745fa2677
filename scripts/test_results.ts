/** Reads what the test runners leave behind, and adds it up. */

/** What one suite came to. */
export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
}

/** A test that was not run for lack of a privilege. */
export interface LeftOut {
  readonly name: string;
  readonly privilege: string;
  readonly reason: string;
}

function attribute(tag: string, name: string): number {
  const value = new RegExp(`\\s${name}="(\\d+)"`).exec(tag)?.[1];
  return Number(value ?? 0);
}

/**
 * The totals of a JUnit report. A runner that leaves no report, or that fails
 * although each of its tests passed, counts as one failure.
 */
export function readJunit(
  report: string | undefined,
  exitCode: number,
): SuiteResult {
  const tag = /<testsuites\b[^>]*>/.exec(report ?? "")?.[0];
  if (tag === undefined) return { passed: 0, failed: 1 };
  // Deno counts errors apart; Bun has no such attribute. Skipped tests are neither.
  const failed = attribute(tag, "failures") + attribute(tag, "errors");
  const skipped = (report?.match(/<skipped\b/g) ?? []).length;
  const passed = attribute(tag, "tests") - failed - skipped;
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

/**
 * A program is one test, unless its output says `N passed, N failed` on a line
 * of its own: then it is as many.
 */
export function readProgram(output: string, exitCode: number): SuiteResult {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)];
  const last = lines.at(-1);
  if (last === undefined) {
    return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  }
  const failed = Number(last[2]);
  return {
    passed: Number(last[1]),
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
  };
}

/** Tests left out, each once, although two runtimes may have reported it. */
export function readLeftOut(lines: string): LeftOut[] {
  const found = new Map<string, LeftOut>();
  for (const line of lines.split("\n")) {
    if (line === "") continue;
    const item = JSON.parse(line) as LeftOut;
    found.set(item.name, item);
  }
  return [...found.values()];
}
