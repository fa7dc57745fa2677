/** What the native tests show with samples, at full size: minutes long, so only `make torture` runs it. */
import { join } from "node:path";
import { describe, expect, test } from "../support/testing.ts";
import { noteFigures } from "../support/torture_figures.ts";

const root = join(import.meta.dir, "../..");
const hourMs = 3_600_000;

/** Runs one test of a native test program at the length that `environment` asks for; its output has the figures. */
async function runNative(
  program: string,
  name: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const run = async (command: string[]) => {
    const child = Bun.spawn(command, {
      cwd: root,
      env: { ...process.env, ...environment },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    let output = "";
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      process.stdout.write(piece);
      output += decoder.decode(piece, { stream: true });
    }
    return { exitCode: await child.exited, output };
  };
  const { exitCode } = await run(["make", "--silent", `build/${program}`]);
  expect(exitCode).toBe(0);
  const begun = performance.now();
  const test = await run([join(root, "build", program), name]);
  expect(test.exitCode).toBe(0);
  // Its last line of figures is the sum of all.
  const figures =
    test.output
      .match(/^ {2}\S.*$/gm)
      ?.at(-1)
      ?.trim() ?? "";
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  noteFigures(`${name}: ${figures} (${seconds} s)`);
}

describe("torture of the native library", () => {
  for (const [program, name, environment] of [
    [
      "release/instruction_kill_test",
      "a_kill_at_any_instruction_loses_nothing",
      { RINGWIRE_KILL_EVERY: "1" },
    ],
    [
      "release/instruction_kill_test",
      "real_kills_leave_what_copies_show",
      { RINGWIRE_KILL_EVERY: "1" },
    ],
    [
      "release/instruction_kill_test",
      "a_sweeper_may_be_killed_at_any_instruction_too",
      { RINGWIRE_KILL_EVERY: "1" },
    ],
    [
      "asan/torture_test",
      "nothing_accepted_is_lost_under_random_kills",
      { RINGWIRE_TORTURE_ROUNDS: "20" },
    ],
    [
      "asan/torture_test",
      "drops_are_counted_under_random_kills",
      { RINGWIRE_TORTURE_ROUNDS: "30" },
    ],
    [
      "asan/hostile_memory_test",
      "nonsense_in_a_used_segment_crashes_and_hangs_nobody",
      { RINGWIRE_FUZZ_ROUNDS: "600" },
    ],
    [
      "asan/corruption_test",
      "scripts_made_up_crash_and_hang_nobody",
      { RINGWIRE_FUZZ_ROUNDS: "100000" },
    ],
  ] as const) {
    test(
      name.replaceAll("_", " "),
      async () => await runNative(program, name, environment),
      { timeoutMs: hourMs },
    );
  }
});
