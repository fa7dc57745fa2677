import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

/** Busy machines take their time. */
const patient = { timeoutMs: 60_000 };

describe("work on journalled queues", () => {
  test(
    "batches, coprocesses, order and --to mean the same there",
    async () => {
      await using sandbox = new Sandbox();
      const [a, b, c] = ["a", "b", "c"].map(
        (name) => `file:${sandbox.file(name)}`,
      ) as [string, string, string];
      for (const queue of [a, b, c]) await sandbox.good(["create", queue]);
      await sandbox.good(["push", "-q", a, "--header", "key:k", "--end"], {
        stdin: "1\n2\n3\n4\n5\n",
      });
      await sandbox.good([
        ...["work", "-q", a, "--order", "key", "-j3", "--until-end"],
        ...["--to", b, "--end", "--", "cat"],
      ]);
      await sandbox.good([
        ...["work", "-q", b, "--batch", "2", "--framing", "line"],
        ...["--until-end", "--to", c, "--split", "line", "--end"],
        ...["--", "sed", "s/$/!/"],
      ]);
      expect(
        await sandbox.good([
          ...["work", "-q", c, "--until-end", "--coproc", "--"],
          ...["sed", "-u", "s/^/</"],
        ]),
      ).toBe("<1!\n<2!\n<3!\n<4!\n<5!\n");
    },
    patient,
  );

  test(
    "a worker killed between two of them loses nothing and keeps the order",
    async () => {
      await using sandbox = new Sandbox();
      const from = `file:${sandbox.file("from")}`;
      const to = `file:${sandbox.file("to")}`;
      // Whatever is killed again and again on a busy machine is still no dead letter.
      await sandbox.good(["create", from, "--max-deliver", "255"]);
      await sandbox.good(["create", to]);
      const count = 60;
      await sandbox.good(["push", "-q", from, "--header", "key:k", "--end"], {
        stdin: Array.from({ length: count }, (_, index) => `${index}\n`).join(
          "",
        ),
      });
      const work = [
        ...["ringwire-queue-worker", "work", "-q", from, "--order", "key"],
        ...["-j2", "--until-end", "--to", to, "--", "cat"],
      ];
      let kills = 0;
      for (; kills < 100; kills++) {
        const worker = sandbox.start(work);
        const code = await Promise.race([
          worker.ended.then((ended) => ended.code),
          Bun.sleep(40 + 20 * (kills % 6)).then(() => undefined),
        ]);
        if (code === 0) break;
        worker.kill("SIGKILL");
        await worker.ended;
      }
      expect(kills).toBeGreaterThan(0);
      await sandbox.start(work).ended;
      const numbers = (await sandbox.good(["pop", "-q", to, "--until-empty"]))
        .trim()
        .split("\n")
        .map(Number);
      // A repetition comes right after what it repeats.
      expect(
        numbers.filter((number, at) => number !== numbers[at - 1]),
      ).toEqual(Array.from({ length: count }, (_, index) => index));
    },
    patient,
  );
});
