/** doctor, on machines that are well and on machines that are not. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { SEGMENT } from "../../ffi/shm/segment.ts";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";
import {
  cleanUpSandboxes,
  type Ended,
  Sandbox,
  type StartOptions,
  until,
  worker,
} from "../support/sandbox.ts";

cleanUpSandboxes();
const timeoutMs = 60_000;

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly seen: string;
  readonly fix?: string;
}

interface Examination {
  readonly code: number;
  readonly findings: readonly Finding[];
  /** `status: what was seen` of the findings of a check, those that are ok left out when others are there. */
  readonly about: (check: string) => string;
}

function examination({ code, out, err }: Ended): Examination {
  const lines = out.split("\n").filter((line) => line.startsWith("{"));
  if (lines.length === 0) throw new Error(`nothing was found: ${out}${err}`);
  const findings: Finding[] = lines.map((line) => JSON.parse(line));
  for (const { status, fix } of findings)
    expect(status === "ok").toBe(fix === undefined);
  const about = (check: string): string => {
    const own = findings.filter((finding) => finding.check === check);
    const bad = own.filter(({ status }) => status !== "ok");
    return (bad.length > 0 ? bad : own)
      .map(({ status, seen }) => `${status}: ${seen}`)
      .join("\n");
  };
  return { code, findings, about };
}

async function examine(
  sandbox: Sandbox,
  words: readonly string[] = [],
  options: StartOptions = {},
): Promise<Examination> {
  return examination(
    await sandbox.run(["doctor", "-o", "jsonl", ...words], options),
  );
}

/** The same through a shell. */
async function examineBy(
  sandbox: Sandbox,
  script: string,
): Promise<Examination> {
  return examination(await sandbox.bash(script));
}

function overwrite(path: string, at: number, bytes: readonly number[]): void {
  const descriptor = openSync(path, "r+");
  try {
    writeSync(descriptor, new Uint8Array(bytes), 0, bytes.length, at);
  } finally {
    closeSync(descriptor);
  }
}

function digest(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function segment(sandbox: Sandbox, name: string): string {
  return join(sandbox.directory, `ringwire.${name}`);
}

describe("doctor", () => {
  test(
    "finds a good machine in order, changes no queue and leaves nothing behind",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "jobs", "--max-messages", "50"]);
      await sandbox.good(["push", "-q", "jobs"], { stdin: "a\nb\nc\n" });
      const path = segment(sandbox, "jobs");
      const before = digest(path);
      const all = await examine(sandbox);
      expect(all.findings.filter(({ status }) => status === "broken")).toEqual(
        [],
      );
      expect(all.code).toBe(0);
      for (const check of [
        "open files",
        "kernel: pidfd_open",
        "kernel: memfd_create",
        "directory",
        "directory: fallocate",
        "directory: byte locks",
        "library",
        "self test",
        "handlers",
      ])
        expect(`${check} ${all.about(check)}`).toMatch(/ (?:ok|warn): /);
      expect(all.about("self test")).toMatch(
        /sent, taken and acknowledged in \d+\.\d\d ms; waiter woken in \d/,
      );
      expect(all.about("queue jobs")).toMatch(
        /^ok: in memory, 3 waiting, 0 leased \(30s\), 0 participants, /,
      );
      const one = await examine(sandbox, ["-q", "jobs"]);
      expect(one.findings.map(({ check }) => check)).toEqual(["queue jobs"]);
      expect(digest(path)).toBe(before);
      expect(
        readdirSync(sandbox.directory).filter(
          (name) => !name.startsWith(".ringwire-"),
        ),
      ).toEqual(["ringwire.jobs"]);
      expect((await sandbox.run(["doctor", "none"])).code).toBe(3);
    },
    { timeoutMs },
  );

  test(
    "is read by people, and by machines as one object",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await sandbox.good(["pause", "q"]);
      const text = await sandbox.good(["doctor", "-q", "q"]);
      expect(text).toMatch(/^ok {6}queue q {2}in memory/);
      expect(text).toContain(
        "\nwarn    queue q  paused: nobody can take what waits (0 messages)\n        fix: ringwire-queue-worker resume q\n",
      );
      expect(text).toContain("\n1 ok, 1 warn, 0 broken\n");
      const { broken, findings } = JSON.parse(
        await sandbox.good(["doctor", "q", "-o", "json"]),
      );
      expect(broken).toBe(false);
      expect(findings).toHaveLength(2);
    },
    { timeoutMs },
  );

  test(
    "a directory that is missing, on a disk, no directory, or too long a path is broken",
    async () => {
      await using sandbox = new Sandbox();
      const long = join(sandbox.directory, "d".repeat(80));
      mkdirSync(long);
      const file = sandbox.file("file");
      writeFileSync(file, "");
      const cases: readonly (readonly [string, string, string])[] = [
        [join(sandbox.directory, "none"), "directory", "no such file"],
        ["/proc", "directory", "not a memory file system"],
        [file, "directory", ""],
        [long, "wake sockets", "too long for the address of a unix socket"],
      ];
      const found = await Promise.all(
        cases.map(([directory]) =>
          examine(sandbox, [], { env: { RINGWIRE_SHM_DIR: directory } }),
        ),
      );
      for (const [index, [, check, seen]] of cases.entries()) {
        expect(found[index]?.code).toBe(1);
        expect(found[index]?.about(check)).toContain("broken: ");
        expect(found[index]?.about(check)).toContain(seen);
      }
    },
    { timeoutMs },
  );

  test(
    "a directory that this user may not write to is broken, and so are wake sockets that others can reach",
    async () => {
      await using sandbox = new Sandbox();
      mkdirSync(sandbox.file("as"));
      const closed = mkdtempSync("/dev/shm/ringwire-closed-");
      try {
        chmodSync(closed, 0o555);
        // Nothing is closed to root; the executable may lie where only root gets to.
        const as = superuser.held()
          ? "setpriv --reuid 65534 --regid 65534 --clear-groups"
          : "";
        const { code, about } = await examineBy(
          sandbox,
          `exec 9<'${worker}'; HOME=/ RINGWIRE_SHM_DIR=${closed} ${as} /proc/self/fd/9 doctor -o jsonl`,
        );
        expect(code).toBe(1);
        expect(about("directory")).toMatch(/broken: no file can be made there/);
        expect(about("self test")).toBe("");
      } finally {
        rmSync(closed, { recursive: true });
      }
      const sockets = join(
        sandbox.directory,
        `.ringwire-${process.geteuid?.() ?? 0}`,
      );
      mkdirSync(sockets);
      chmodSync(sockets, 0o755);
      const open = await examine(sandbox);
      expect(open.about("wake sockets")).toContain("broken: ");
      expect(
        open.findings.find(({ check }) => check === "wake sockets")?.fix,
      ).toBe(`chmod 700 ${sockets}`);
    },
    { timeoutMs },
  );

  test(
    "too few open files are broken, few are worth a warning",
    async () => {
      await using sandbox = new Sandbox();
      const limited = (limit: number): Promise<Examination> =>
        examineBy(
          sandbox,
          `ulimit -n ${limit}; ringwire-queue-worker doctor -o jsonl`,
        );
      const [few, tooFew] = await Promise.all([limited(500), limited(50)]);
      expect(few.about("open files")).toMatch(/^warn: at most 500 /);
      expect(few.code).toBe(0);
      expect(tooFew.about("open files")).toMatch(/^broken: at most 50 /);
      expect(tooFew.code).toBe(1);
    },
    { timeoutMs },
  );

  test(
    "segments that are damaged, cut, of another version or no segments at all are broken, each with its reason",
    async () => {
      await using sandbox = new Sandbox();
      const damage: readonly (readonly [string, (path: string) => void])[] = [
        ["damaged", (path) => overwrite(path, SEGMENT.uuidByte, [1, 2, 3])],
        ["is damaged", (path) => overwrite(path, SEGMENT.poisonedByte, [1])],
        ["it was cut", (path) => truncateSync(path, 65_536)],
        ["layout 99.", (path) => overwrite(path, SEGMENT.abiMajorByte, [99])],
        ["not a ringwire", (path) => overwrite(path, 0, [1])],
      ];
      const names = damage.map((_, index) => `q${index}`);
      for (const [index, [, spoil]] of damage.entries()) {
        await sandbox.good(["create", names[index] ?? ""]);
        spoil(segment(sandbox, names[index] ?? ""));
      }
      await sandbox.good(["create", "shared"]);
      chmodSync(segment(sandbox, "shared"), 0o660);
      const { code, about, findings } = await examine(sandbox);
      expect(code).toBe(1);
      for (const [index, [reason]] of damage.entries()) {
        expect(about(`queue ${names[index]}`)).toContain("broken: ");
        expect(about(`queue ${names[index]}`)).toContain(reason);
      }
      expect(about("queue shared")).toMatch(/^warn: .*may be used by others/);
      expect(findings.find(({ check }) => check === "queue q0")?.fix).toContain(
        "rm q0",
      );
    },
    { timeoutMs },
  );

  test(
    "a journal of an earlier boot is not opened, for that would rebuild it; one of another version is broken",
    async () => {
      await using sandbox = new Sandbox();
      const path = sandbox.file("j");
      await sandbox.good([
        "create",
        "kept",
        "--journal",
        path,
        "--max-messages",
        "50",
      ]);
      await sandbox.good(["push", "-q", "kept", "x"]);
      overwrite(path, SEGMENT.bootIdByte, [1, 2, 3, 4]);
      const before = digest(path);
      const all = await examine(sandbox);
      expect(all.about("queue kept")).toContain(
        "last used before the latest reboot",
      );
      const one = await examine(sandbox, ["-q", `file:${path}`]);
      expect(one.code).toBe(0);
      expect(digest(path)).toBe(before);

      overwrite(path, SEGMENT.abiMajorByte, [99]);
      const other = await examine(sandbox, ["-q", `file:${path}`]);
      expect(other.code).toBe(1);
      expect(other.about(`queue file:${path}`)).toContain("layout 99.");
      expect(other.findings[0]?.fix).toContain(`rm file:${path}`);

      rmSync(path);
      const gone = await examine(sandbox);
      expect(gone.about("queue kept")).toMatch(/^warn: .*which is not there$/);
      const memory = join(sandbox.directory, "journal");
      await sandbox.good(["create", "memory", "--journal", memory]);
      const volatile = await examine(sandbox, ["memory"]);
      expect(volatile.about("queue memory")).toMatch(
        /^warn: the journal .* is on a tmpfs/,
      );
    },
    { timeoutMs },
  );

  test(
    "names the killed with what they hold, and the sockets that they left",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
      const words = ["work", "-q", "q", "-j", "3", "--exec", "sleep 60"];
      const running = sandbox.start([worker, ...words]);
      await until(
        "two handlers and a wait for the third message",
        async () =>
          (await sandbox.status("q")).leased === 2 &&
          readdirSync(sandbox.directory).some((name) =>
            name.startsWith(".ringwire-"),
          ),
      );
      const well = await examine(sandbox, ["-q", "q"]);
      expect(well.about("queue q")).toMatch(/^ok: .*1 participant,/);
      running.kill("SIGKILL");
      await running.ended;
      const { code, about } = await examine(sandbox);
      expect(code).toBe(0);
      expect(about("queue q")).toBe(
        `warn: work ${running.pid}: killed, with 2 leased messages; they are delivered again as soon as somebody uses the queue`,
      );
      expect(about("wake sockets")).toMatch(/^warn: 1 socket in /);
    },
    { timeoutMs },
  );

  test(
    "full, with dead letters: says so, with the command to look at them",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good([
        "create",
        "q",
        "--max-messages",
        "2",
        "--max-dead",
        "2",
      ]);
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
      const full = await examine(sandbox, ["q"]);
      expect(full.about("queue q")).toBe(
        "warn: full: 2 of 2 messages (2 waiting, 0 leased, 0 delayed, 0 dead letters)",
      );
      await sandbox.run([
        "work",
        "-q",
        "q",
        "--until-empty",
        "--exec",
        "exit 65",
      ]);
      const dead = await examine(sandbox, ["q"]);
      expect(dead.about("queue q")).toContain(
        "warn: 2 dead letters of at most 2",
      );
      expect(dead.findings.at(-1)?.fix).toContain("dlq ls -q q");
    },
    { timeoutMs },
  );

  test(
    "a library that does not load and a configuration that cannot be used are findings, not failures",
    async () => {
      await using sandbox = new Sandbox();
      const config = sandbox.file("bad.json");
      writeFileSync(config, '{"queue-worker":{"jbs":1}}');
      const { code, about } = await examine(sandbox, ["--config", config], {
        env: { RINGWIRE_SHM_LIBRARY: sandbox.file("none.so") },
      });
      expect(code).toBe(1);
      expect(about("library")).toContain("none.so");
      expect(about("configuration")).toContain(
        "queue-worker.jbs: no such option",
      );
      expect(about("directory: fallocate")).toBe("ok: works there");
    },
    { timeoutMs },
  );

  testIf(
    superuser,
    "to mount a small tmpfs",
    "a tmpfs that is nearly full, full, or read-only: warned of, then broken",
    async () => {
      await using sandbox = new Sandbox();
      const { out } =
        await sandbox.bash(`mkdir small && mount -t tmpfs -o size=3m tmpfs small || exit
trap 'umount -l small' EXIT
export RINGWIRE_SHM_DIR=$PWD/small
look() { ringwire-queue-worker doctor -o jsonl >$1; echo $?; }
ringwire-queue-worker create q --max-messages 1000 --max-message-size 64KiB
look near
head -c 10m /dev/zero >small/all 2>/dev/null
look full
rm small/all; mount -o remount,ro small; look ro`);
      expect(out).toBe("0\n1\n1\n");
      const read = (name: string): Examination =>
        examination({
          code: 0,
          bytes: new Uint8Array(),
          out: readFileSync(sandbox.file(name), "utf8"),
          err: "",
        });
      expect(read("near").about("space")).toMatch(/^warn: .*NoSpace/);
      expect(read("full").about("space")).toMatch(/^broken: /);
      expect(read("full").about("directory: fallocate")).toBe(
        "broken: refused with ENOSPC",
      );
      expect(read("ro").about("directory")).toContain("mounted read-only");
    },
    { timeoutMs },
  );

  testIf(
    superuser,
    "to make a time namespace",
    "a participant whose clock is another one is broken",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const shifted = sandbox.start([
        "unshare",
        "--time",
        "--monotonic",
        "100000",
        "--fork",
        "--kill-child",
        worker,
        ...["pop", "-q", "q", "--wait", "60s"],
      ]);
      await until(
        "a participant",
        async () => (await sandbox.status("q")).participants.length === 1,
      );
      const { code, about } = await examine(sandbox, ["q"]);
      expect(code).toBe(1);
      expect(about("queue q")).toContain("another time namespace");
      await sandbox.good(["push", "-q", "q", "x"]);
      expect((await shifted.ended).code).toBe(0);
    },
    { timeoutMs },
  );
});
