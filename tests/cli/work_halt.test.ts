import { readFileSync } from "node:fs";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

/** Busy machines take their time. */
const patient = { timeoutMs: 60_000 };

describe("work --halt", () => {
  test(
    "soon,fail lets what runs finish and ends with 1",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "bad\nslow\nnever\n" });
      const { code, err, out } = await sandbox.run([
        ...["work", "-q", "q", "-j2", "--halt", "soon,fail=1", "--exec"],
        'read -r x; case $x in bad) until [ -e at ]; do sleep 0.01; done; exit 1;; slow) touch at; sleep 0.3; echo slow;; *) echo "$x";; esac',
      ]);
      expect(code).toBe(1);
      expect(err).toContain("--halt soon,fail=1: this worker stops");
      expect(out).toBe("slow\n");
      expect((await sandbox.status("q")).counters.acked).toBe(1);
    },
    patient,
  );

  test(
    "now,fail stops what runs; its message goes back uncounted",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "bad\nslow\n" });
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "-j2", "--halt", "now,fail=1", "--exec"],
        'read -r x; echo $$ >>pids; [ "$x" = slow ] && { touch at; sleep 600; }; until [ -e at ]; do sleep 0.01; done; exit 1',
      ]);
      expect(code).toBe(1);
      for (const pid of sandbox.lines("pids"))
        expect(await isAlive(Number(pid))).toBe(false);
      expect(await sandbox.waiting("q")).toContain("slow 0");
    },
    patient,
  );

  test(
    "success and done count the others, and end with 0",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n0\n1\n0\n1\n0\n" });
      const quick = ["--backoff", "10m..10m"];
      const success = await sandbox.run([
        ...["work", "-q", "q", ...quick, "--halt", "now,success=2", "--exec"],
        'read -r x; exit "$x"',
      ]);
      expect(success.code).toBe(0);
      expect((await sandbox.status("q")).counters.acked).toBe(2);
      const done = await sandbox.run([
        ...["work", "-q", "q", ...quick, "--halt", "soon,done=1", "--exec"],
        'read -r x; exit "$x"',
      ]);
      expect(done.code).toBe(0);
      const { delayed } = await sandbox.status("q");
      expect(delayed).toBe(3);
    },
    patient,
  );

  test(
    "now,success stops what runs, but not what it has counted",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
      const halt = ["--halt", "now,success=1", "--exec", "cat"];
      const { code, out } = await sandbox.run(["work", "-q", "q", ...halt]);
      expect([code, out]).toEqual([0, "1"]);
      await sandbox.good(["work", "-q", "q", "--to", "r", ...halt]);
      expect((await sandbox.status("q")).message_count).toBe(0);
      expect(await sandbox.waiting("r")).toEqual(["2 0"]);
    },
    patient,
  );
});

describe("work --joblog", () => {
  test(
    "has a line for each run, as GNU parallel writes them, and goes on where it was",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "abc\nfail\nsignal\n" });
      const work = [
        ...["work", "-q", "q", "--max-deliver", "1", "--until-empty"],
        ...["--joblog", sandbox.file("log"), "--", "sh", "-c"],
        "read -r x; case $x in abc) echo hello;; fail) exit 3;; signal) kill -KILL $$;; esac",
      ];
      await sandbox.run(work);
      await sandbox.good(["push", "-q", "q", "abc"]);
      await sandbox.good(work);
      const [header, ...lines] = sandbox.lines("log");
      expect(header).toBe(
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand",
      );
      const fields = lines.map((line) => line.split("\t"));
      expect(fields.map((line) => [line[0], ...line.slice(4, 8)])).toEqual([
        ["1", "3", "6", "0", "0"],
        ["2", "4", "0", "3", "0"],
        ["3", "6", "0", "0", "9"],
        ["1", "3", "6", "0", "0"],
      ]);
      for (const line of fields) {
        expect(line.length).toBe(9);
        expect(line[2]).toMatch(/^\d+\.\d{3}$/);
        expect(line[3]).toMatch(/^ *\d+\.\d{3}$/);
        expect(line[8]).toMatch(/^sh -c '.*' # q \d+ attempt 1$/);
      }
    },
    patient,
  );

  test(
    "one that cannot be written is refused at once, or ends the worker with what it has",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
      const refused = await sandbox.run([
        ...["work", "-q", "q", "--joblog", "/nonexistent/log", "--", "true"],
      ]);
      expect(refused.code).not.toBe(0);
      expect((await sandbox.status("q")).message_count).toBe(2);
      // The first write to it fails: nothing is taken.
      const full = await sandbox.run([
        ...["work", "-q", "q", "--joblog", "/dev/full", "--", "true"],
      ]);
      expect(full.code).toBe(8);
      expect((await sandbox.status("q")).message_count).toBe(2);
    },
    patient,
  );

  test(
    "may be a pipe, but not one that nobody reads",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
      const { code, out } = await sandbox.bash(
        'mkfifo log; w="ringwire-queue-worker work -q q -n1 --joblog log -- true"; $w; echo $?; cut -f7 <log & $w; wait',
      );
      expect([code, out]).toEqual([0, "1\nExitval\n0\n"]);
    },
    patient,
  );

  test(
    "several workers may share one",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "--end"], {
        stdin: Array.from({ length: 60 }, (_, index) => `${index}\n`).join(""),
      });
      const work = [
        ...["ringwire-queue-worker", "work", "-q", "q", "--until-end"],
        ...["--joblog", sandbox.file("log"), "--", "true"],
      ];
      const workers = [sandbox.start(work), sandbox.start(work)];
      for (const { ended } of workers) expect((await ended).code).toBe(0);
      const lines = readFileSync(sandbox.file("log"), "utf8")
        .trim()
        .split("\n");
      const runs = lines.filter((line) => !line.startsWith("Seq\t"));
      expect(runs.length).toBe(60);
      await until("no more", () => true);
    },
    patient,
  );
});
