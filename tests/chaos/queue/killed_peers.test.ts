/**
 * Processes of both runtimes that use one queue while they are killed and stopped at random, against ledgers outside of
 * it; and proofs that the reckoning would tell. RINGWIRE_CHAOS_SEED repeats a seed; `make torture` runs it for minutes.
 */
import {
  chaosSeed,
  expectNothingLost,
  runChaos,
} from "../../support/chaos_trial.ts";
import { describe, expect, test } from "../../support/testing.ts";

const limits = { timeoutMs: 90_000 };

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
});
