/** Workers in what containers are made of: PID namespaces, a small /dev/shm, groups that are killed or frozen; and other users. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  cleanUpSandboxes,
  isAlive,
  type Running,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import {
  describe,
  expect,
  type Privilege,
  superuser,
  testIf,
} from "../support/testing.ts";

cleanUpSandboxes();

const limits = { timeoutMs: 40_000 };

/** A bash script in a PID namespace of its own, where /proc shows no other processes; it is number 1 there. */
function inNamespace(sandbox: Sandbox, script: string): Running {
  return sandbox.start([
    ...["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
    ...["bash", "-c", script],
  ]);
}

/** Until a file is there, in a script. */
const waitFor = (file: string): string =>
  `until [ -e ${file} ]; do sleep 0.05; done`;

describe("two PID namespaces, one queue", () => {
  testIf(
    superuser,
    "to make PID namespaces",
    "what a worker killed in one namespace held comes to a worker in the other",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      inNamespace(
        sandbox,
        `ringwire-queue-worker work -q q --exec 'echo >>begun; exec sleep 1000' & ${waitFor("go")}; kill -9 $!; wait`,
      );
      await until("the handler", () => sandbox.lines("begun").length === 1);
      const other = inNamespace(
        sandbox,
        "ringwire-queue-worker pop -q q --wait 20s -o jsonl & wait",
      );
      await until(
        "both",
        async () => (await sandbox.status("q")).participants.length === 2,
      );
      const { participants } = await sandbox.status("q");
      const pids = participants.map((each) => (each as { pid: number }).pid);
      // The same number for both.
      expect(pids).toEqual([2, 2]);
      expect(other.out()).toBe("");
      writeFileSync(sandbox.file("go"), "");
      const { out } = await other.ended;
      const { data, attempts } = JSON.parse(out);
      expect([data, attempts]).toEqual(["x", 2]);
      const { leased, message_count } = await sandbox.status("q");
      expect([leased, message_count]).toEqual([0, 0]);
    },
    limits,
  );

  testIf(
    superuser,
    "to make PID namespaces",
    "the death of a stranger with the same number as a worker elsewhere takes nothing from that worker",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const holder = inNamespace(
        sandbox,
        `ringwire-queue-worker work -q q -n 1 --exec 'echo >>begun; ${waitFor("done")}' & echo $! >held-by; wait`,
      );
      await until("the handler", () => sandbox.lines("begun").length === 1);
      // Its worker watches for deaths, and number 2 is a stranger there.
      const other = inNamespace(
        sandbox,
        `sleep 1000 & echo $! >stranger; ringwire-queue-worker work -q q --exec cat & taker=$!; ${waitFor("go")}; kill -9 2; wait 2 2>/dev/null; echo >>killed; ${waitFor("over")}; kill -TERM $taker; wait $taker`,
      );
      await until(
        "both",
        async () => (await sandbox.status("q")).participants.length === 2,
      );
      expect([sandbox.lines("held-by"), sandbox.lines("stranger")]).toEqual([
        ["2"],
        ["2"],
      ]);
      // A watcher looks for newcomers a few times a second.
      await Bun.sleep(700);
      writeFileSync(sandbox.file("go"), "");
      await until("the kill", () => sandbox.lines("killed").length === 1);
      await Bun.sleep(1500);
      expect((await sandbox.status("q")).leased).toBe(1);
      writeFileSync(sandbox.file("done"), "");
      await holder.ended;
      writeFileSync(sandbox.file("over"), "");
      expect((await other.ended).out).toBe("");
      const { counters, message_count } = await sandbox.status("q");
      expect([counters.acked, message_count]).toEqual([1, 0]);
    },
    limits,
  );
});

describe("another user", () => {
  testIf(
    superuser,
    "to become another user",
    "is refused by every verb with 4 and the reason, and the queue stays as it was",
    async () => {
      await using sandbox = new Sandbox();
      for (const directory of [sandbox.directory, sandbox.files])
        chmodSync(directory, 0o1777);
      copyFileSync(worker, sandbox.file("worker"));
      await sandbox.good(["push", "-q", "q", "x"]);
      const other = (words: string) =>
        sandbox.start([
          ...["setpriv", "--reuid", "65534", "--regid", "65534"],
          ...["--clear-groups", sandbox.file("worker"), ...words.split(" ")],
        ]).ended;
      for (const words of [
        "push -q q y",
        "pop -q q",
        "work -q q -- cat",
        "peek q",
        "stat q",
        "rm q",
      ]) {
        const { code, out, err } = await other(words);
        expect([words, code, out]).toEqual([words, 4, ""]);
        expect(err).toContain("ringwire.q: Permission denied");
      }
      // Not even one that may be opened: the permission bits alone say nothing about trust.
      chmodSync(join(sandbox.directory, "ringwire.q"), 0o666);
      const { code, err } = await other("pop -q q");
      expect(code).toBe(4);
      expect(err).toContain("belongs to user 0, not to 65534");
      chmodSync(join(sandbox.directory, "ringwire.q"), 0o600);
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
    },
    limits,
  );

  testIf(
    superuser,
    "to become another user",
    "who made the directory of our wake-ups gets none: waiting is refused with 4, and nothing is lost",
    async () => {
      await using sandbox = new Sandbox();
      chmodSync(sandbox.directory, 0o1777);
      await sandbox.start([
        ...["setpriv", "--reuid", "65534", "--regid", "65534"],
        ...["--clear-groups", "mkdir", "-m", "777"],
        join(sandbox.directory, ".ringwire-0"),
      ]).ended;
      await sandbox.good(["create", "q"]);
      const { code, err } = await sandbox.run("pop -q q --wait 20s".split(" "));
      expect(code).toBe(4);
      expect(err).toContain("must be a directory of this user with mode 0700");
      await sandbox.good(["push", "-q", "q", "x"]);
      expect(await sandbox.good(["pop", "-q", "q"])).toBe("x\n");
    },
    limits,
  );
});

describe("a /dev/shm of 64 MiB, as containers have", () => {
  testIf(
    superuser,
    "to mount a small tmpfs",
    "that is full ends push and work --to with 8; what was accepted comes through, untried, and room that is made is used",
    async () => {
      await using sandbox = new Sandbox();
      const { out } = await sandbox.start(
        [
          ...["unshare", "--mount", "bash", "-c"],
          `mount -t tmpfs -o size=64m tmpfs /dev/shm || exit
for q in in out; do ringwire-queue-worker create $q --max-messages 200 --max-message-size 1MiB; done
body=$(head -c 900000 /dev/zero | tr '\\0' x)
for i in $(seq 100); do echo "$i$body"; done | ringwire-queue-worker push -q in 2>pushed; echo "push $?"
ringwire-queue-worker work -q in --to out --until-empty -- cat 2>worked; echo "work $?"
ringwire-queue-worker peek in -n 1000 -o jsonl | grep -c '"attempts":0'
ringwire-queue-worker pop -q in -n 10 >taken; echo "pop $?"
for i in $(seq 101 110); do echo "$i$body"; done | ringwire-queue-worker push -q in; echo "push $?"
ringwire-queue-worker pop -q in --until-empty >>taken; echo "pop $?"
grep -oE '^[0-9]+' taken | tr '\\n' ' '; echo
echo "0$body" | ringwire-queue-worker push -q out; echo "push $?"
ringwire-queue-worker rm in
echo "1$body" | ringwire-queue-worker push -q out; echo "push $?"`,
        ],
        { env: { RINGWIRE_SHM_DIR: "/dev/shm" } },
      ).ended;
      const accepted = Number(
        /(\d+) messages were accepted/.exec(
          sandbox.lines("pushed").join(),
        )?.[1],
      );
      expect(accepted).toBeGreaterThan(60);
      expect(sandbox.lines("worked").join()).toContain("no space");
      const numbers = [
        ...Array.from({ length: accepted }, (_, index) => index + 1),
        ...Array.from({ length: 10 }, (_, index) => index + 101),
      ];
      expect(out.split("\n")).toEqual([
        ...["push 8", "work 8", `${accepted}`, "pop 0", "push 0", "pop 0"],
        `${numbers.join(" ")} `,
        // What a queue once needed stays with it.
        ...["push 8", "push 0", ""],
      ]);
    },
    limits,
  );
});

/** Where groups of version 2 are, also beside those of version 1. */
const groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((directory) =>
  existsSync(join(directory, "cgroup.controllers")),
);

const groupMaker: Privilege = {
  name: "root and control groups of version 2",
  held: () => {
    if (!superuser.held() || groups === undefined) return false;
    const probe = join(groups, `ringwire-probe-${process.pid}`);
    try {
      mkdirSync(probe);
      const able = existsSync(join(probe, "cgroup.kill"));
      rmdirSync(probe);
      return able;
    } catch {
      return false;
    }
  },
};

/** Three workers with their handlers in a group, each at work on a message. */
async function startGroup(sandbox: Sandbox, group: string): Promise<Running[]> {
  mkdirSync(group);
  await sandbox.good(["create", "q", "--lease", "1s"]);
  await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n3\n4\n5\n6\n" });
  const workers = [1, 2, 3].map(() =>
    sandbox.start([
      ...["bash", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', group],
      ...["ringwire-queue-worker", "work", "-q", "q", "-j2", "--exec"],
      "echo $$ >>begun; exec sleep 1000",
    ]),
  );
  await until("six handlers", () => sandbox.lines("begun").length === 6);
  return workers;
}

async function removeGroup(group: string): Promise<void> {
  writeFileSync(join(group, "cgroup.kill"), "1");
  await until("the group to be empty", () =>
    readFileSync(join(group, "cgroup.events"), "utf8").includes("populated 0"),
  );
  rmdirSync(group);
}

describe("a control group of workers", () => {
  testIf(
    groupMaker,
    "to make a group",
    "that is killed as a whole gives back all that it held, and leaves no handler",
    async () => {
      await using sandbox = new Sandbox();
      const group = join(groups ?? "", `ringwire-killed-${process.pid}`);
      const workers = await startGroup(sandbox, group);
      try {
        writeFileSync(join(group, "cgroup.kill"), "1");
        for (const each of workers) expect((await each.ended).code).toBe(137);
        const out = await sandbox.good(
          "work -q q --until-empty --exec"
            .split(" ")
            .concat('echo "$(cat) $RINGWIRE_MSG_ATTEMPT"'),
        );
        expect(out.trimEnd().split("\n").sort()).toEqual(
          [1, 2, 3, 4, 5, 6].map((number) => `${number} 2`),
        );
        expect((await sandbox.status("q")).participants).toEqual([]);
      } finally {
        await removeGroup(group);
      }
    },
    limits,
  );

  testIf(
    groupMaker,
    "to make a group",
    "that is frozen loses its leases in time, and acknowledges nothing late once it goes on",
    async () => {
      await using sandbox = new Sandbox();
      const group = join(groups ?? "", `ringwire-frozen-${process.pid}`);
      const workers = await startGroup(sandbox, group);
      try {
        writeFileSync(join(group, "cgroup.freeze"), "1");
        const out = await sandbox.good(
          "pop -q q -n 6 --wait 20s -o jsonl".split(" "),
        );
        const records = out
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line));
        expect(
          records.map((each) => `${each.data} ${each.attempts}`).sort(),
        ).toEqual([1, 2, 3, 4, 5, 6].map((number) => `${number} 2`));
        writeFileSync(join(group, "cgroup.freeze"), "0");
        await until("the handlers to be killed", async () => {
          const pids = sandbox.lines("begun").map(Number);
          return !(await Promise.all(pids.map(isAlive))).includes(true);
        });
        for (const each of workers) each.kill("SIGTERM");
        for (const each of workers) expect((await each.ended).code).toBe(0);
        const { counters, message_count, leased } = await sandbox.status("q");
        expect([counters.acked, message_count, leased]).toEqual([6, 0, 0]);
      } finally {
        await removeGroup(group);
      }
    },
    limits,
  );
});
