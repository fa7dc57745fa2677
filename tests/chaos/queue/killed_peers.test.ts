/**
 * Processes of both runtimes that use one queue while they are killed and stopped at random, against ledgers outside of
 * it; and proofs that the reckoning would tell. RINGWIRE_CHAOS_SEED repeats a seed; `make torture` runs it for minutes.
 */
import { join } from "node:path";
import {
  chaosSeed,
  expectNothingLost,
  runChaos,
  runChaosWith,
} from "../../support/chaos_trial.ts";
import { describe, expect, test } from "../../support/testing.ts";

const limits = { timeoutMs: 90_000 };
const root = join(import.meta.dir, "../../..");

/** The native library with a deliberate bug, as ffi/c/tests/mutants/torture_test has it for the trial in C too. */
async function brokenLibrary(bug: string): Promise<string> {
  const path = `build/mutants/libraries/${bug}.so`;
  const command = ["make", "--silent", path];
  const child = Bun.spawn(command, { cwd: root, stdout: "inherit" });
  expect(await child.exited).toBe(0);
  return join(root, path);
}

describe("4 producers and 4 consumers in Bun and Deno, killed and stopped at random", () => {
  test(
    "lose nothing, tear nothing, and deliver nothing twice without saying so",
    () => expectNothingLost({ seconds: 10, seed: chaosSeed() }),
    limits,
  );

  test(
    "count what they drop for a full queue, and lose nothing else",
    () => expectNothingLost({ seconds: 5, seed: chaosSeed(), dropping: true }),
    limits,
  );
});

describe("the reckoning finds", () => {
  test(
    "what is lost when consumers acknowledge before they write it down",
    async () => {
      const seed = chaosSeed();
      const found = await runChaos({ seconds: 5, seed, fault: "ack-first" });
      expect(found.lost).toBeGreaterThan(0);
    },
    limits,
  );

  test(
    "duplicates that are not marked, and bodies that are not what was sent",
    async () => {
      const seed = chaosSeed();
      const found = await runChaos({ seconds: 3, seed, fault: "careless" });
      expect(found.unflagged).toBeGreaterThan(0);
      expect(found.ackedTwice).toBeGreaterThan(0);
      expect(found.torn).toBeGreaterThan(0);
    },
    limits,
  );

  for (const [bug, what] of [
    ["recovery_skipped", "recovers nothing of the dead"],
    ["claims_not_recovered", "recovers only what the dead had taken"],
    ["half_recovered", "recovers half of the places"],
    ["drops_not_counted", "does not count each drop"],
  ] as const) {
    test(
      `a library that ${what}`,
      async () => {
        const library = await brokenLibrary(bug);
        let faults = 0;
        // On a busy machine few are killed in a trial.
        for (let trials = 0; faults === 0 && trials < 4; trials++) {
          const dropping = bug === "drops_not_counted";
          const trial = { seconds: 4, seed: chaosSeed(), dropping };
          const { lost, leaked } = await runChaosWith(library, trial);
          console.log(`${bug}: lost ${lost}, leaked ${leaked}`);
          faults = bug === "claims_not_recovered" ? leaked : lost;
        }
        expect(faults).toBeGreaterThan(0);
      },
      limits,
    );
  }
});
