/** Descriptors, processes and memory that run out, for `work` and `push`: failures that are nobody's message's fault. */
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import {
  cleanUpSandboxes,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";

cleanUpSandboxes();

test(
  "too few descriptors end the worker with 126 or before it begins, and cost no message an attempt",
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n3\n4\n5\n6\n" });
    const codes = new Set<number>();
    for (const descriptors of [12, 14, 16, 18, 20, 22, 24, 100]) {
      const { code, err } = await sandbox.bash(
        `ulimit -n ${descriptors}; exec ringwire-queue-worker work -q q -j2 -n 3 --until-empty --exec 'sleep 0.1; cat'`,
      );
      codes.add(code);
      if (code === 126) expect(err).toContain("cannot be started");
      const { counters, leased, buried } = await sandbox.status("q");
      const waiting = await sandbox.waiting("q");
      expect(waiting.filter((line) => !line.endsWith(" 0"))).toEqual([]);
      expect(waiting.length + counters.acked).toBe(6);
      expect([leased, buried]).toEqual([0, 0]);
    }
    expect(codes.has(126)).toBe(true);
    expect(codes.has(0)).toBe(true);
  },
  { timeoutMs: 30_000 },
);

/** A user of nobody else: the kernel counts processes by user. */
const loneUser = 64_123;

testIf(
  superuser,
  "to become a user whose processes are limited",
  "when no process can be made the worker ends, and the message goes back",
  async () => {
    await using sandbox = new Sandbox();
    copyFileSync(worker, sandbox.file("ringwire-queue-worker"));
    execFileSync("chown", [
      ...["-R", `${loneUser}`, sandbox.directory, sandbox.files],
    ]);
    const become = [
      ...["setpriv", "--reuid", `${loneUser}`, "--regid", `${loneUser}`],
      ...["--clear-groups", "bash", "-c"],
    ];
    const as = (script: string) => sandbox.start([...become, script]);
    expect(
      (await as("./ringwire-queue-worker push -q q first").ended).code,
    ).toBe(0);
    const limited = as(
      "ulimit -u 60; exec ./ringwire-queue-worker work -q q --exec cat",
    );
    await until("the first message", () => limited.out() === "first");
    // Their parent has no such limit, and ends at once.
    const fill = await as(
      "for i in $(seq 60); do sleep 1000 >/dev/null 2>&1 & echo $!; done",
    ).ended;
    try {
      await as("./ringwire-queue-worker push -q q second").ended;
      const { code, err } = await limited.ended;
      // The runtime aborts when it wants a thread at this moment; then the message is a dead worker's.
      expect([126, 134]).toContain(code);
      const left = (
        await as("./ringwire-queue-worker peek -q q -o jsonl").ended
      ).out;
      if (code === 126) {
        expect(err).toContain("cannot be started: EAGAIN");
        expect(left).toContain('"attempts":0');
      } else {
        expect(left).toContain("second");
      }
    } finally {
      for (const pid of fill.out.trim().split("\n"))
        process.kill(Number(pid), "SIGKILL");
    }
    const { code, out } = await as(
      "exec ./ringwire-queue-worker work -q q --until-empty --exec cat",
    ).ended;
    expect([code, out]).toEqual([0, "second"]);
  },
  { timeoutMs: 40_000 },
);

describe("no space", () => {
  for (const [kind, where, queue, records] of [
    [
      "in shared memory",
      "export RINGWIRE_SHM_DIR=$PWD/small; ",
      "q",
      "yes x | head -n",
    ],
    [
      "on a journal's disk",
      "",
      "file:small/journal",
      "yes $(head -c 60000 /dev/zero | tr '\\0' x) | head -n",
    ],
  ] as const) {
    testIf(
      superuser,
      "to mount a small tmpfs",
      `${kind}: messages that fail are tried again and buried all the same, push ends with 8, and room that is made is used`,
      async () => {
        await using sandbox = new Sandbox();
        const { out, err } = await sandbox.bash(
          `mkdir small && mount -t tmpfs -o size=2m tmpfs small || exit
trap 'umount -l small' EXIT
${where}ringwire-queue-worker create ${queue} --max-messages 2000 --max-deliver 2
${records} 9 | ringwire-queue-worker push -q ${queue}
cat /dev/zero >small/fill
ringwire-queue-worker work -q ${queue} -j4 --until-empty --backoff 1ms..2ms --exec 'cat >/dev/null; seq 2000 >&2; exit 1' 2>/dev/null; echo "work $?"
ringwire-queue-worker dlq ls -q ${queue} -o jsonl | grep -c '"attempts":2'
${records} 1900 | ringwire-queue-worker push -q ${queue}; echo "push $?"
rm small/fill
ringwire-queue-worker dlq retry -q ${queue} --all
ringwire-queue-worker pop -q ${queue} --until-empty | wc -l >taken
ringwire-queue-worker push -q ${queue} again && ringwire-queue-worker pop -q ${queue}`,
        );
        expect(out.split("\n")).toEqual([
          "work 123",
          "9",
          "push 8",
          "again",
          "",
        ]);
        const accepted = Number(
          /(\d+) messages were accepted before/.exec(err)?.[1] ?? 0,
        );
        expect(Number(sandbox.lines("taken")[0])).toBe(9 + accepted);
      },
      { timeoutMs: 40_000 },
    );
  }
});
