/** The scenarios, run in each runtime: their own checks hold, what they print shows it, and they leave nothing behind. */
import { join } from "node:path";
import {
  cleanUpSandboxes,
  type Ended,
  root,
  Sandbox,
  until,
} from "../../support/sandbox.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { expectNothingLeft, processesOf, start } from "./example_runs.ts";

const timeoutMs = 120_000;
const deno = Bun.which("deno") ?? join(root, ".tools/node_modules/.bin/deno");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Bun: [process.execPath],
  Deno: [deno, "run", "--quiet", "--no-check", "--allow-all"],
};

const failing = join(import.meta.dir, "failing_scenario_program.ts");

/** What the output of each must show, besides that all of its checks held. */
const shown: Readonly<Record<string, readonly RegExp[]>> = {
  task_queue: [
    /two was killed +while it held [1-9]/,
    /three was stopped +finished what it had begun: \d+ done, 0 lost/,
    /dead letters say +Error: down\.example: connection refused/,
    /1 dropped, [1-9]\d* retried/,
    /wait, urgent +p50 \d/,
  ],
  market_data: [
    /while one was stopped +[1-9]\d* of its ticks made room/,
    /time to send to all three +p50 \d/,
    /stopped, \w+ +\d+ received, [1-9]\d* dropped as the oldest, [1-9]\d* expired/,
    /latency p50 \d/,
  ],
  batch_pipeline: [
    /killed +a parser with [1-9]\d* blocks, the sum with [1-9]/,
    /totals +equal those of a direct computation/,
  ],
  services: [
    /load shared +one [1-9]\d*, two [1-9]/,
    /an unknown item +QuoteError unknown-item/,
    /killed in the middle +answered by \w+ at delivery 2/,
    /a deadline of 100 ms +QueueTimeout/,
    /cancellation +its service stopped/,
    /graceful stop +\d+ acknowledged, 0 lost/,
  ],
  game_server: [
    /ticks +[1-9]\d*, with [1-9]\d* inputs/,
    /a tick begins late by +p50 /,
    /memory of all queues +\d+ KiB, never more than \d+ KiB/,
  ],
};

cleanUpSandboxes();

function expectGood({ code, err }: Ended): void {
  expect(err).toBe("");
  expect(code).toBe(0);
}

describe("scenarios", () => {
  for (const [name, patterns] of Object.entries(shown)) {
    const main = join(root, "examples", name, "main.ts");
    for (const [runtime, command] of Object.entries(runtimes)) {
      test(
        `${name} - all of its checks hold in ${runtime}`,
        async () => {
          await using sandbox = new Sandbox();
          const ended = await start(sandbox, [...command, main]).ended;
          expectGood(ended);
          for (const pattern of patterns) expect(ended.out).toMatch(pattern);
          expect(ended.out).toMatch(/^All checks held; [\d.]+ s\.$/m);
          expectNothingLeft(sandbox);
        },
        { timeoutMs },
      );
    }
  }

  const pipeline = join(root, "examples/batch_pipeline/pipeline.sh");

  test(
    "pipeline.sh - a killed worker changes nothing in the result",
    async () => {
      await using sandbox = new Sandbox();
      const ended = await start(sandbox, [pipeline]).ended;
      expectGood(ended);
      expect(ended.out).toMatch(/requeued [1-9]/);
      expect(ended.out).toMatch(
        /^The result equals that of a direct computation\.$/m,
      );
      expectNothingLeft(sandbox);
    },
    { timeoutMs },
  );

  test(
    "pipeline.sh - leaves nothing behind when it is terminated",
    async () => {
      await using sandbox = new Sandbox();
      const running = start(sandbox, [pipeline]);
      await until("stages", () => processesOf(sandbox).length >= 4);
      running.kill("SIGTERM");
      expect((await running.ended).code).toBe(143);
      expectNothingLeft(sandbox);
    },
    { timeoutMs },
  );

  for (const [how, error] of [
    ["check", /^FAILED: jobs done: found 0, expected 1$/m],
    ["throw", /^something else went wrong$/m],
  ] as const)
    test(
      `a scenario fails, and cleans up, after a failed ${how}`,
      async () => {
        await using sandbox = new Sandbox();
        const { code, out, err } = await start(sandbox, [
          process.execPath,
          failing,
          how,
        ]).ended;
        expect(out).toBe("Failing\nbegun\n");
        expect(err).toMatch(error);
        expect(code).toBe(1);
        expectNothingLeft(sandbox);
      },
      { timeoutMs },
    );

  for (const [what, ...program] of [
    ["a scenario that hangs", failing, "hang"],
    // Its players make queues themselves; and it takes more than a second.
    ["game_server", join(root, "examples/game_server/main.ts")],
  ] as const)
    test(
      `${what} - leaves nothing behind when it is interrupted`,
      async () => {
        await using sandbox = new Sandbox();
        const running = start(sandbox, [process.execPath, ...program]);
        await until("programs", () => processesOf(sandbox).length >= 2);
        running.kill("SIGINT");
        const { code, err } = await running.ended;
        expect(err).toBe("stopped by SIGINT\n");
        expect(code).toBe(130);
        expectNothingLeft(sandbox);
      },
      { timeoutMs },
    );
});
