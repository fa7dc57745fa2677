import { existsSync, readFileSync } from "node:fs";
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const messageCount = 300;
const killEveryMs = 200;

cleanUpSandboxes();

describe("a worker that is killed again and again", () => {
  test(
    "every message is handled at least once, and what is handled again says so",
    async () => {
      await using sandbox = new Sandbox();
      const { code } = await sandbox.bash(
        `ringwire-queue-worker create q --max-deliver 255 && seq 1 ${messageCount} | ringwire-queue-worker push -q q --end`,
      );
      expect(code).toBe(0);
      const ledger = sandbox.file("ledger");
      // One write each: lines of handlers that run at the same time do not mix.
      const words = [
        "ringwire-queue-worker",
        "work",
        "-q",
        "q",
        "-j4",
        "--until-end",
        "--",
        "sh",
        "-c",
        'read -r x; sleep 0.01; echo "$x $RINGWIRE_MSG_ATTEMPT" >>ledger',
      ];
      let kills = 0;
      await until(
        "the queue to be worked off",
        async () => {
          const worker = sandbox.start(words);
          const timer = setTimeout(() => {
            kills++;
            worker.kill("SIGKILL");
          }, killEveryMs);
          const ended = await worker.ended;
          clearTimeout(timer);
          if (ended.code !== 137)
            expect(`${ended.code} ${ended.err}`).toBe("0 ");
          return ended.code === 0;
        },
        60_000,
      );
      expect(kills).toBeGreaterThan(0);
      expect(existsSync(ledger)).toBe(true);
      const first = new Set<string>();
      for (const line of readFileSync(ledger, "utf8").trimEnd().split("\n")) {
        const [message = "", attempt] = line.split(" ");
        // A second time without the flag would be a lie.
        if (first.has(message)) expect(Number(attempt)).toBeGreaterThan(1);
        first.add(message);
      }
      expect(first.size).toBe(messageCount);
      const { status } = JSON.parse(
        await sandbox.good(["stat", "q", "-o", "json"]),
      );
      expect([
        status.message_count,
        status.leased,
        status.delayed,
        status.buried,
        status.counters.acked,
      ]).toEqual([0, 0, 0, 0, messageCount]);
    },
    { timeoutMs: 90_000 },
  );

  test(
    "a push that is killed leaves whole messages only, in their order",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good([
        "create",
        "q",
        "--max-messages",
        "200000",
        "--max-message-size",
        "64",
      ]);
      const line = (number: number): string =>
        `line ${String(number).padStart(6, "0")} of the input`;
      const push = sandbox.start(["ringwire-queue-worker", "push", "-q", "q"], {
        stdin: "pipe",
      });
      push.write(
        Array.from(
          { length: 150_000 },
          (_, index) => `${line(index + 1)}\n`,
        ).join(""),
      );
      await until(
        "some messages",
        async () => (await sandbox.status("q")).message_count > 0,
      );
      push.kill("SIGKILL");
      expect((await push.ended).code).toBe(137);
      const lines = (await sandbox.good(["pop", "-q", "q", "--until-empty"]))
        .trimEnd()
        .split("\n");
      expect(lines.length).toBeGreaterThan(0);
      expect(
        lines.find((text, index) => text !== line(index + 1)),
      ).toBeUndefined();
    },
    { timeoutMs: 30_000 },
  );
});
