import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

/** Busy machines take their time. */
const patient = { timeoutMs: 60_000 };

/** `KEY NUMBER` of each line, as numbers by key. */
function byKey(lines: readonly string[]): Map<string, number[]> {
  const keys = new Map<string, number[]>();
  for (const line of lines) {
    const [key = "", number] = line.split(" ");
    keys.set(key, [...(keys.get(key) ?? []), Number(number)]);
  }
  return keys;
}

function ascending(numbers: readonly number[]): boolean {
  return numbers.every(
    (number, index) => index === 0 || number >= (numbers[index - 1] ?? 0),
  );
}

async function pushKeyed(
  sandbox: Sandbox,
  key: string,
  bodies: readonly string[],
): Promise<void> {
  await sandbox.good(["push", "-q", "q", "--header", `key:${key}`], {
    stdin: bodies.map((body) => `${body}\n`).join(""),
  });
}

const work = ["work", "-q", "q", "--order", "Key"];

describe("work --order", () => {
  test(
    "never two of one key at once, each key in its order, different keys side by side",
    async () => {
      await using sandbox = new Sandbox();
      for (let round = 0; round < 8; round++) {
        for (const key of ["a", "b", "c"])
          await pushKeyed(sandbox, key, [`${key} ${round}`]);
        await sandbox.good(["push", "-q", "q", "free 0"]);
      }
      await sandbox.good([
        ...[...work, "-j8", "--until-empty", "--exec"],
        // A second one of the key would find the directory.
        'read -r k n; [ $k = free ] || mkdir "lock.$k" || { echo "$k $n" >>overlap; exit 0; }; echo "$k $n" >>order; ls -d lock.* | wc -l >>wide; sleep 0.02; [ $k = free ] || rmdir "lock.$k"',
      ]);
      expect(sandbox.lines("overlap")).toEqual([]);
      const order = byKey(sandbox.lines("order"));
      expect(order.get("free")?.length).toBe(8);
      for (const key of ["a", "b", "c"])
        expect(order.get(key)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(Math.max(...sandbox.lines("wide").map(Number))).toBeGreaterThan(1);
    },
    patient,
  );

  test(
    "what fails is tried again in its place, counted, and what follows it waits; a dead letter lets it go on",
    async () => {
      await using sandbox = new Sandbox();
      await pushKeyed(sandbox, "a", ["a 0", "a 1", "a 2"]);
      await pushKeyed(sandbox, "b", ["b 0"]);
      const { code } = await sandbox.run([
        ...[...work, "-j2", "--until-empty", "--max-deliver", "3"],
        ...["--backoff", "20ms..40ms", "--exec"],
        'read -r k n; echo "$k $n $RINGWIRE_MSG_ATTEMPT" >>runs; [ "$k $n" != "a 1" ]',
      ]);
      expect(code).toBe(123);
      const runs = sandbox.lines("runs");
      expect(runs.filter((line) => line.startsWith("a"))).toEqual([
        "a 0 1",
        "a 1 1",
        "a 1 2",
        "a 1 3",
        "a 2 1",
      ]);
      expect(runs).toContain("b 0 1");
      const { buried, counters } = await sandbox.status("q");
      expect([buried, counters.acked]).toEqual([1, 3]);
    },
    patient,
  );

  test(
    "keeps the order over kills of the worker",
    async () => {
      await using sandbox = new Sandbox();
      const count = 40;
      const keys = ["a", "b", "c", "d"];
      await sandbox.good(["create", "q", "--max-deliver", "255"]);
      for (const key of keys)
        await pushKeyed(
          sandbox,
          key,
          Array.from({ length: count }, (_, index) => `${key} ${index}`),
        );
      let kills = 0;
      for (;;) {
        const worker = sandbox.start([
          ...[
            "ringwire-queue-worker",
            ...work,
            "-j3",
            "--until-empty",
            "--exec",
          ],
          'echo "$(cat)" >>order',
        ]);
        const first = await Promise.race([
          worker.ended.then(({ code }) => code),
          Bun.sleep(70 + 20 * (kills % 5)).then(() => undefined),
        ]);
        if (first === 0) break;
        worker.kill("SIGKILL");
        const { code } = await worker.ended;
        if (code === 0) break;
        kills++;
      }
      expect(kills).toBeGreaterThan(0);
      const order = byKey(sandbox.lines("order"));
      for (const key of keys) {
        const numbers = order.get(key) ?? [];
        expect(ascending(numbers)).toBe(true);
        expect(new Set(numbers).size).toBe(count);
      }
    },
    patient,
  );

  test(
    "is alone: a second one, and any other consumer, is refused until it has left",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const first = sandbox.start([
        ...["ringwire-queue-worker", ...work, "--", "true"],
      ]);
      await until("it is there", async () =>
        (await sandbox.good(["stat", "q"])).includes("alone"),
      );
      for (const second of [
        [...work, "--until-empty", "--", "true"],
        ["work", "-q", "q", "--until-empty", "--", "true"],
        ["pop", "-q", "q"],
      ]) {
        const { code, err } = await sandbox.run(second);
        expect(code).toBe(1);
        expect(err).toContain("takes the messages of this queue");
      }
      await sandbox.good(["push", "-q", "q", "x"]);
      first.kill("SIGKILL");
      await first.ended;
      await sandbox.good([...work, "--until-empty", "--", "true"]);
    },
    patient,
  );

  test(
    "SIGTERM gives back what waits for its turn, uncounted and in order",
    async () => {
      await using sandbox = new Sandbox();
      await pushKeyed(sandbox, "a", ["a 0", "a 1", "a 2", "a 3"]);
      const worker = sandbox.start([
        ...["ringwire-queue-worker", ...work, "-j2", "--drain-timeout", "50ms"],
        ...["--exec", "touch began; sleep 600"],
      ]);
      await until("it has taken them", async () =>
        sandbox.lines("began").length === 0
          ? (await sandbox.status("q")).leased === 4
          : true,
      );
      worker.kill("SIGTERM");
      expect((await worker.ended).code).toBe(143);
      expect(await sandbox.waiting("q")).toEqual([
        "a 0 0",
        "a 1 0",
        "a 2 0",
        "a 3 0",
      ]);
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
        "a 0\na 1\na 2\na 3\n",
      );
    },
    patient,
  );

  test(
    "a message without the header that fails is tried again after its pause, like without --order",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "free"]);
      await pushKeyed(sandbox, "a", ["keyed"]);
      const { code } = await sandbox.run([
        ...[...work, "--until-empty", "--max-deliver", "2"],
        ...["--backoff", "10ms..10ms", "--exec"],
        'echo "$(cat) $RINGWIRE_MSG_ATTEMPT" >>runs; exit 1',
      ]);
      expect(code).toBe(123);
      expect(sandbox.lines("runs").sort()).toEqual([
        "free 1",
        "free 2",
        "keyed 1",
        "keyed 2",
      ]);
      expect((await sandbox.status("q")).buried).toBe(2);
    },
    patient,
  );

  test(
    "a header that objects have by nature is a name like any other",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
      await sandbox.good([
        ...["work", "-q", "q", "--order", "constructor", "-j2"],
        ...["--until-empty", "--max-deliver", "1", "--timeout", "20s"],
        // Each waits for the other one.
        ...[
          "--exec",
          "touch $$.at; until [ -e go ] || [ $(ls *.at | wc -l) = 2 ]; do sleep 0.01; done; touch go",
        ],
      ]);
    },
    patient,
  );

  test(
    "a long row of one key holds up others only beyond its bound, and nothing is lost",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--max-messages", "4096"]);
      await pushKeyed(
        sandbox,
        "a",
        Array.from({ length: 1500 }, (_, index) => `a ${index}`),
      );
      await pushKeyed(sandbox, "b", ["b 0"]);
      const out = await sandbox.good([
        ...[...work, "-j4", "--until-empty", "--coproc", "--", "cat"],
      ]);
      const order = byKey(out.trim().split("\n"));
      expect(order.get("a")).toEqual(
        Array.from({ length: 1500 }, (_, index) => index),
      );
      expect(order.get("b")).toEqual([0]);
    },
    patient,
  );
});
