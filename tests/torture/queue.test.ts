/** What tests/chaos shows in seconds, in ten minutes; RINGWIRE_CHAOS_SECONDS and RINGWIRE_CHAOS_SEED change that. */
import { chaosSeed, expectNothingLost } from "../support/chaos_trial.ts";
import { describe, test } from "../support/testing.ts";

const seconds = Number(process.env.RINGWIRE_CHAOS_SECONDS ?? 600);
const limits = { timeoutMs: 3_600_000 };

describe("torture of the queue", () => {
  test(
    "producers and consumers in Bun and Deno, killed and stopped at random, lose nothing for minutes",
    () =>
      expectNothingLost({
        seconds: Math.ceil((seconds * 2) / 3),
        seed: chaosSeed(),
      }),
    limits,
  );

  test(
    "the same while the oldest is dropped for a full queue: what is missing was counted",
    () =>
      expectNothingLost({
        seconds: Math.ceil(seconds / 3),
        seed: chaosSeed(),
        dropping: true,
      }),
    limits,
  );
});
