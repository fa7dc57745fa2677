/** drain, health and reload, against processes that have a control socket and nothing else. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { listenControlled } from "../support/control_fixture.ts";
import {
  cleanUpSandboxes,
  type Running,
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

const idleDaemon = { kind: "daemon", config_error: null, workers: [] };
const limits = { timeoutMs: 30_000 };

cleanUpSandboxes();

/** Words of the lines of a table, without the heading and without process numbers. */
function rows(table: string): string[] {
  return table
    .split("\n")
    .slice(1, -1)
    .map((line) => line.replace(/ +\d+ +/, " ").replaceAll(/ {2,}/g, " "));
}

describe("drain", () => {
  test(
    "by name, number, queue or for all: those that are meant leave, the others stay",
    async () => {
      await using sandbox = new Sandbox();
      const working = (name: string, queue: string) =>
        listenControlled(sandbox, { name, report: { queue } });
      const [a1, a2, b, c, d, e] = await Promise.all([
        working("a", "one"),
        working("a", "two"),
        working("b", "two"),
        working("c", "three"),
        working("d", "file:/tmp/x/../y"),
        listenControlled(sandbox, { name: "e", report: idleDaemon }),
      ]);
      const left = async (...owners: (typeof a1)[]): Promise<void> => {
        for (const { owner, path } of owners) {
          expect(existsSync(path)).toBe(false);
          expect((await owner.ended).code).toBe(0);
        }
      };
      expect(rows(await sandbox.good(["drain", "a", "-q", "two"]))).toEqual([
        "a two left",
      ]);
      await left(a2);
      const drained = await sandbox.good([
        "drain",
        "-q",
        "file:/tmp/y",
        "--drain-timeout",
        "2s",
      ]);
      expect(rows(drained)).toEqual(["d file:/tmp/x/../y left"]);
      await left(d);
      expect(d.owner.out()).toContain('drain {"timeoutMs":2000}');
      await sandbox.good(["drain", `${b.owner.pid}`]);
      await left(b);
      expect(a1.owner.out()).not.toContain("drain");

      const json = await sandbox.good(["drain", "--all", "-o", "json"]);
      expect(JSON.parse(json)).toEqual(
        [
          ["a", a1.owner.pid, "one"],
          ["c", c.owner.pid, "three"],
          ["e", e.owner.pid, null],
        ].map(([name, pid, queue]) => ({ name, pid, queue, outcome: "left" })),
      );
      await left(a1, c, e);
      const nobody = await sandbox.run(["drain", "--all"]);
      expect([nobody.code, nobody.out]).toEqual([3, ""]);
    },
    limits,
  );

  test(
    "ends with 124 when somebody is still there, at once with --no-wait, and 7 when a name is missing",
    async () => {
      await using sandbox = new Sandbox();
      const { owner } = await listenControlled(sandbox, {
        name: "w",
        stays: true,
      });
      const late = await sandbox.run(["drain", "w", "--timeout", "50ms"]);
      expect([late.code, rows(late.out)]).toEqual([124, ["w none draining"]]);
      expect(late.err).toContain("still there after 50ms");
      expect(await sandbox.good(["drain", "w", "--no-wait"])).toContain(
        "draining",
      );
      owner.closeInput();
      await owner.ended;

      await listenControlled(sandbox, { name: "v" });
      const some = await sandbox.run(["drain", "v", "w"]);
      expect([some.code, rows(some.out)]).toEqual([7, ["v none left"]]);
      expect(some.err).toContain("there is no worker or daemon w");
    },
    limits,
  );

  test(
    "nobody drains everything by leaving a word out",
    async () => {
      await using sandbox = new Sandbox();
      const { owner } = await listenControlled(sandbox, { name: "w" });
      for (const words of [[], ["--all", "w"], ["--all", "-q", "q"]])
        expect((await sandbox.run(["drain", ...words])).code).toBe(2);
      expect((await sandbox.run(["drain", "-q", "none-of-it"])).code).toBe(3);
      expect(owner.out()).not.toContain("drain");
    },
    limits,
  );

  test(
    "reaches a worker by the path it was started with",
    async () => {
      await using sandbox = new Sandbox();
      const path = sandbox.file("c.sock");
      const { owner } = await listenControlled(sandbox, { name: "w", path });
      expect((await sandbox.run(["drain", "w"])).code).toBe(3);
      await sandbox.good(["drain", "--control", path]);
      expect((await owner.ended).code).toBe(0);
      const gone = await sandbox.run(["drain", "--control", path]);
      expect(gone.code).toBe(3);
      const long = await sandbox.run([
        "drain",
        "--control",
        `/${"x".repeat(107)}`,
      ]);
      expect([long.code, long.err.includes("at most 107 bytes")]).toEqual([
        2,
        true,
      ]);
    },
    limits,
  );
});

describe("a worker that is asked", () => {
  const handler = "echo $$ >>begun; until [ -e go ]; do sleep 0.02; done; cat";

  async function begin(sandbox: Sandbox, ...words: string[]): Promise<Running> {
    await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n3\n" });
    const running = sandbox.start([
      ...["ringwire-queue-worker", "work", "-q", "q", "--name", "w"],
      ...[...words, "--exec", handler],
    ]);
    await until("handlers", () => sandbox.lines("begun").length > 0);
    return running;
  }

  test(
    "says what it is doing, and drains without losing anything",
    async () => {
      await using sandbox = new Sandbox();
      const running = await begin(sandbox, "-j2");
      await until("both", () => sandbox.lines("begun").length === 2);
      const row = (await sandbox.good(["top", "-n", "1", "--interval", "50ms"]))
        .split("\n")
        .find((line) => line.startsWith("   w "));
      expect(row).toMatch(
        new RegExp(
          `^ {3}w +${running.pid} +q +working +2/2 +\\d.*s +0 +0 +0 +`,
        ),
      );
      expect(rows(await sandbox.good(["health", "-q", "q"]))).toEqual([
        "w q healthy",
      ]);
      const drained = sandbox.start(["ringwire-queue-worker", "drain", "w"]);
      await until("it to have been asked", () =>
        running.err().includes("asked to drain"),
      );
      writeFileSync(sandbox.file("go"), "");
      expect((await drained.ended).code).toBe(0);
      const { code, out } = await running.ended;
      expect([code, out.split("").sort().join("")]).toEqual([0, "12"]);
      expect(await sandbox.waiting("q")).toEqual(["3 0"]);
    },
    limits,
  );

  test(
    "gives its messages back uncounted when the drain time is over",
    async () => {
      await using sandbox = new Sandbox();
      const running = await begin(sandbox);
      await sandbox.good(["drain", "-q", "q", "--drain-timeout", "10ms"]);
      await running.ended;
      expect(await sandbox.waiting("q")).toEqual(["1 0", "2 0", "3 0"]);
    },
    limits,
  );

  test(
    "hands nothing of its socket to handlers, and takes it along when it is killed",
    async () => {
      await using sandbox = new Sandbox();
      const running = await begin(sandbox);
      const [pid] = sandbox.lines("begun");
      const open = readdirSync(`/proc/${pid}/fd`).map((descriptor) =>
        readlinkSync(`/proc/${pid}/fd/${descriptor}`),
      );
      expect(open.filter((target) => target.startsWith("socket:"))).toEqual([]);
      running.kill("SIGKILL");
      await running.ended;
      expect((await sandbox.run(["health"])).code).toBe(3);
    },
    limits,
  );
});

describe("health", () => {
  test(
    "says who is not healthy, and why; a stopped process is not",
    async () => {
      await using sandbox = new Sandbox();
      expect((await sandbox.run(["health"])).code).toBe(3);
      const [, , silent] = await Promise.all([
        listenControlled(sandbox, { name: "good" }),
        listenControlled(sandbox, {
          name: "bad\x1b[2J",
          reasons: ["the disk is full", "so is the queue"],
        }),
        listenControlled(sandbox, { name: "silent" }),
      ]);
      silent.owner.kill("SIGSTOP");
      const { code, out } = await sandbox.run(["health", "--timeout", "1s"]);
      expect(code).toBe(1);
      expect(rows(out)).toEqual([
        "bad\\x1b[2J none the disk is full; so is the queue",
        "good none healthy",
        "silent - no answer within 1000 ms",
      ]);
      expect(rows(await sandbox.good(["health", "good"]))).toEqual([
        "good none healthy",
      ]);
      const missing = await sandbox.run(["health", "good", "other"]);
      expect(missing.code).toBe(3);
      silent.owner.kill("SIGCONT");
      const json = await sandbox.good(["health", "silent", "-o", "json"]);
      expect(JSON.parse(json)).toEqual([
        {
          name: "silent",
          pid: silent.owner.pid,
          kind: "work",
          queue: "none",
          healthy: true,
          reasons: [],
        },
      ]);
    },
    limits,
  );

  test(
    "removes what a killed worker left, and does not count it",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, { name: "w" });
      owner.kill("SIGKILL");
      await owner.ended;
      expect((await sandbox.run(["health"])).code).toBe(3);
      expect(existsSync(path)).toBe(false);
    },
    limits,
  );

  test(
    "trusts no directory that others can write to",
    async () => {
      await using sandbox = new Sandbox();
      const { path } = await listenControlled(sandbox, { name: "w" });
      chmodSync(join(path, ".."), 0o777);
      const { code, err } = await sandbox.run(["health"]);
      expect(code).toBe(4);
      expect(err).toContain("its mode is 0777");
    },
    limits,
  );
});

describe("another user", () => {
  testIf(
    superuser,
    "to be another user",
    "sees nothing, and may ask nothing",
    async () => {
      await using sandbox = new Sandbox();
      for (const directory of [sandbox.directory, sandbox.files])
        chmodSync(directory, 0o777);
      copyFileSync(worker, sandbox.file("worker"));
      const path = sandbox.file("c.sock");
      const { owner } = await listenControlled(sandbox, { name: "w", path });
      const usual = await listenControlled(sandbox, { name: "v" });
      const other = (...words: string[]) =>
        sandbox.start([
          ...["setpriv", "--reuid", "65534", "--regid", "65534"],
          ...["--clear-groups", sandbox.file("worker"), ...words],
        ]).ended;
      expect((await other("health")).code).toBe(3);
      for (const socket of [path, usual.path])
        for (const verb of ["health", "drain"]) {
          const { code, err } = await other(verb, "--control", socket);
          expect([code, err.includes("not allowed")]).toEqual([4, true]);
        }
      expect(owner.out() + usual.owner.out()).not.toContain("drain");
    },
    limits,
  );
});

describe("reload", () => {
  test(
    "reaches daemons only",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = await listenControlled(sandbox, {
        name: "d",
        report: idleDaemon,
      });
      const other = await listenControlled(sandbox, { name: "w" });
      expect((await sandbox.run(["reload", "w"])).code).toBe(3);
      expect((await sandbox.run(["reload"])).code).toBe(2);
      const json = await sandbox.good(["reload", "--all", "-o", "json"]);
      expect(JSON.parse(json)).toEqual([
        {
          name: "d",
          pid: daemon.owner.pid,
          reloaded: true,
          answer: { workers: 2 },
        },
      ]);
      await until("the daemon to say so", () =>
        daemon.owner.out().includes("reload"),
      );
      expect(other.owner.out()).not.toContain("reload");
    },
    limits,
  );
});
