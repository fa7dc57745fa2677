/** What tests/cli shows with samples, at full size. Minutes long: `make torture` runs it, `make test` does not. */
import { expectNoTwoAttemptsAtATime } from "../support/killed_workers.ts";
import { expectEachOnce } from "../support/process_storm.ts";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";
import { noteFigures } from "../support/torture_figures.ts";

const hourMs = 3_600_000;
/** Bytes that a handler may write for one message. */
const outputBytesMax = 256 * 1024 ** 2;

cleanUpSandboxes();

describe("torture", () => {
  test(
    "5,000 push and 5,000 pop processes pass each message on once and leave nothing behind",
    async () => {
      await using sandbox = new Sandbox();
      const { processes, seconds } = await expectEachOnce(sandbox, {
        pairs: 5000,
        atATime: 16,
      });
      noteFigures(
        `${processes} processes in ${seconds.toFixed(0)} s: ${(processes / seconds).toFixed(0)} a second`,
      );
    },
    { timeoutMs: hourMs },
  );

  test(
    "hundreds of killed workers never have two attempts of one message at a time",
    async () => {
      await using sandbox = new Sandbox();
      const { cutShort } = await expectNoTwoAttemptsAtATime(sandbox, {
        messages: 5000,
        kills: 400,
      });
      noteFigures(`400 workers killed, ${cutShort} attempts cut short`);
    },
    { timeoutMs: hourMs },
  );

  test(
    "a handler's output may have 256 MiB, and not a byte more",
    async () => {
      for (const extra of [0, 1]) {
        await using sandbox = new Sandbox();
        await sandbox.good(["push", "-q", "q", "x"]);
        const { out } = await sandbox.bash(
          `ringwire-queue-worker work -q q --until-empty --max-deliver 1 --exec 'head -c ${outputBytesMax + extra} /dev/zero' | wc -c; echo \${PIPESTATUS[0]}`,
        );
        expect(out).toBe(extra === 0 ? `${outputBytesMax}\n0\n` : "0\n123\n");
      }
    },
    { timeoutMs: 120_000 },
  );
});
