/** `make demo` in its short form: its checks hold, they can fail, and it leaves nothing behind however it ends. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  cleanUpSandboxes,
  root,
  type Running,
  Sandbox,
  until,
} from "../../support/sandbox.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { expectNothingLeft, processesOf, start } from "./example_runs.ts";

const limits = { timeoutMs: 120_000 };

cleanUpSandboxes();

const command = [process.execPath, join(root, "examples/demo.ts"), "--short"];

function startDemo(sandbox: Sandbox): Running {
  return start(sandbox, command);
}

/** Waits until a program of the demo runs, and gives its process. */
function untilRuns(sandbox: Sandbox, ...words: string[]): Promise<number> {
  return until(words.join(" "), () =>
    Number(
      processesOf(sandbox).find((pid) => {
        try {
          const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
          return words.every((word) => line.includes(word));
        } catch {
          return false; // It has ended since.
        }
      }) ?? 0,
    ),
  );
}

describe("demo.ts", () => {
  test(
    "killed workers and a killed client change nothing in the results",
    async () => {
      await using sandbox = new Sandbox();
      const { code, out, err } = await startDemo(sandbox).ended;
      expect(err).toBe("");
      expect(out).toMatch(
        /asked over +tcp \d+, unix \d+, ws \d+ \(2 clients\)/,
      );
      expect(out).toMatch(/answered +(\d+) of \1\n/);
      expect(out).toMatch(/killed worker +held [1-9]/);
      expect(out).toMatch(
        /killed client +over ws, with \d+ answers; its successor asked for the other [1-9]/,
      );
      expect(out).toContain(
        "Every request was answered, and every answer is that of sha256sum run directly.\n",
      );
      expect(out).toMatch(/worker-2 \d+ \(killed\)/);
      expect(out).toMatch(/^ {2}lost +0$/m);
      expect(out).toContain(
        "The result equals that of sha256sum run directly on the same files.\n",
      );
      expect(out).toMatch(/none lost, in order: [\d.]+ million\/s/);
      expect(out).toMatch(/^UCX 1\..*100000 messages .* none lost/m);
      for (const protocol of ["tcp", "unix", "ws"])
        expect(out).toMatch(
          new RegExp(
            `^  ${protocol} +[1-9]\\d*  +[1-9][\\d,]*  +[1-9][\\d,]*(  +\\d+\\.\\d{3}){3}$`,
            "m",
          ),
        );
      expect(code).toBe(0);
      expectNothingLeft(sandbox);
    },
    limits,
  );

  test(
    "two at a time do not see each other",
    async () => {
      await using one = new Sandbox();
      await using other = new Sandbox();
      // One directory for the queues of both.
      const env = {
        TMPDIR: other.files,
        RINGWIRE_SHM_DIR: one.directory,
        NO_COLOR: "1",
      };
      const both = [startDemo(one), other.start(command, { env })];
      for (const { code, err } of await Promise.all(
        both.map(({ ended }) => ended),
      )) {
        expect(err).toBe("");
        expect(code).toBe(0);
      }
      expectNothingLeft(one);
      expectNothingLeft(other);
    },
    limits,
  );

  test(
    "fails when workers give wrong answers",
    async () => {
      await using sandbox = new Sandbox();
      const programs = join(sandbox.directory, "programs");
      mkdirSync(programs);
      const wrong = join(programs, "sha256sum");
      // Only where it answers requests: with a body on stdin and no words.
      writeFileSync(
        wrong,
        `#!/bin/sh\n[ $# -gt 0 ] || { printf '%064d  -\\n' 0; exit; }\nexec /usr/bin/sha256sum "$@"\n`,
      );
      chmodSync(wrong, 0o755);
      const { code, out, err } = await sandbox.start(command, {
        env: {
          TMPDIR: sandbox.files,
          PATH: `${programs}:${process.env.PATH}`,
        },
      }).ended;
      expect(err).toBe("");
      expect(out).toMatch(/^ {2}wrong: \S+: answered 0{64}, is /m);
      expect(out).toContain("The answers DIFFER from those of sha256sum");
      expect(out).toContain("The result equals that of sha256sum");
      expect(code).toBe(1);
      expectNothingLeft(sandbox);
    },
    limits,
  );

  for (const [who, words] of [
    ["the server", ["ringwire-server"]],
    ["a client", ["ringwire-client", "tcp://"]],
    ["the other worker", ["ringwire-queue-worker", "worker-1"]],
  ] as const)
    test(
      `fails when ${who} is killed, too`,
      async () => {
        await using sandbox = new Sandbox();
        const demo = startDemo(sandbox);
        const pid = await untilRuns(sandbox, ...words);
        process.kill(pid, "SIGKILL");
        const { code, err } = await demo.ended;
        expect(err).toMatch(/^demo: /);
        expect(code).toBe(1);
        expect(processesOf(sandbox)).toEqual([]);
        // A killed server leaves its private queue for replies; the next one removes it.
        if (who !== "the server") expectNothingLeft(sandbox);
      },
      limits,
    );

  for (const [when, words] of [
    ["requests are under way", ["ringwire-client", "request"]],
    ["it measures", ["ringwire-client", "bench"]],
  ] as const)
    test(
      `leaves nothing behind when it is stopped while ${when}`,
      async () => {
        await using sandbox = new Sandbox();
        const demo = startDemo(sandbox);
        await untilRuns(sandbox, ...words);
        demo.kill("SIGINT");
        const { code, err } = await demo.ended;
        expect(err).toBe("demo: stopped by SIGINT\n");
        expect(code).toBe(130);
        expectNothingLeft(sandbox);
      },
      limits,
    );
});
