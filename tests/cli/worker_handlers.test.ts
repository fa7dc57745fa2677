/** Handlers that misbehave: they leave processes behind, stop themselves, and are gone when they are needed. */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

/** What the tests have left behind on purpose. */
function endLeft(sandbox: Sandbox, ...files: string[]): void {
  for (const pid of files.flatMap((name) => sandbox.lines(name)))
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It is gone, as it may be.
    }
}

cleanUpSandboxes();

describe("processes that a handler leaves behind", () => {
  test(
    "live on after its success, keep nobody waiting, and add nothing to its output",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
      // One in its group, and a daemon: forked twice, in a session of its own. All pipes stay open.
      const handler = `sh -c 'echo $$ >>group; while [ ! -e go ]; do sleep 0.02; done; echo late; echo >>wrote; exec sleep 1000' &
( setsid sh -c 'echo $$ >>daemons; exec sleep 1000' & )
while [ "$(cat group daemons 2>/dev/null | wc -l)" -lt $((2 * $(cat))) ]; do sleep 0.02; done; echo done`;
      try {
        const worker = sandbox.start([
          ...["ringwire-queue-worker", "work", "-q", "q", "--exec", handler],
        ]);
        await until("the handlers", () => worker.out() === "done\ndone\n");
        for (const pid of [
          ...sandbox.lines("group"),
          ...sandbox.lines("daemons"),
        ])
          expect(await isAlive(Number(pid))).toBe(true);
        // Its pipe is closed: the first write ends it.
        writeFileSync(sandbox.file("go"), "");
        for (const pid of sandbox.lines("group").map(Number))
          await until(
            "the late writer to end",
            async () => !(await isAlive(pid)),
          );
        expect(sandbox.lines("wrote")).toEqual([]);
        worker.kill("SIGTERM");
        const { code, out } = await worker.ended;
        expect([code, out]).toEqual([0, "done\ndone\n"]);
      } finally {
        endLeft(sandbox, "group", "daemons");
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "are killed with its group when it is timed out; a session of its own is not reached",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const handler = `trap : TERM
sh -c 'trap "" TERM; echo $$ >>group; while :; do sleep 0.05; done' &
setsid sh -c 'trap "" TERM; echo $$ >>daemons; while :; do sleep 0.05; done' &
while [ ! -e group ] || [ ! -e daemons ]; do sleep 0.02; done
echo >>ready; while :; do sleep 0.05; done`;
      try {
        const worker = sandbox.start([
          ...["ringwire-queue-worker", "work", "-q", "q", "--until-empty"],
          ...["--max-deliver", "1", "--timeout", "3s", "--kill-after", "100ms"],
          ...["--exec", handler],
        ]);
        const { code } = await worker.ended;
        expect(code).toBe(123);
        expect(sandbox.lines("ready")).toHaveLength(1);
        const [inGroup, daemon] = [
          Number(sandbox.lines("group")[0]),
          Number(sandbox.lines("daemons")[0]),
        ];
        await until(
          "the group to be gone",
          async () => !(await isAlive(inGroup)),
        );
        expect(await isAlive(daemon)).toBe(true);
      } finally {
        endLeft(sandbox, "group", "daemons");
      }
    },
    { timeoutMs: 30_000 },
  );
});

test(
  "a handler that stops itself is ended by KILL, as one that ignores TERM",
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    const { code } = await sandbox.run([
      ...["work", "-q", "q", "--until-empty", "--max-deliver", "1"],
      ...["--timeout", "200ms", "--kill-after", "200ms"],
      ...["--exec", "echo $$ >>pid; kill -STOP $$"],
    ]);
    expect(code).toBe(123);
    expect(await isAlive(Number(sandbox.lines("pid")[0]))).toBe(false);
    expect(await sandbox.good(["dlq", "ls", "-q", "q"])).toContain("timed out");
  },
  { timeoutMs: 20_000 },
);

describe("a handler that cannot be executed when it is needed", () => {
  const script = '#!/bin/sh\necho "$RINGWIRE_MSG_ID $(cat)"\n';
  /** What happens to ./handler before the worker looks, or while it runs. */
  const cases: Readonly<
    Record<string, [code: number, damage: (path: string) => void]>
  > = {
    "removed while the worker runs": [127, (path) => rmSync(path)],
    "replaced by one whose interpreter is missing": [
      127,
      (path) => writeFileSync(path, "#!/no/such/interpreter\n"),
    ],
    "replaced by one that names no interpreter": [
      126,
      (path) => writeFileSync(path, "echo text\n"),
    ],
    "replaced by a directory": [
      126,
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  };
  for (const [what, [code, damage]] of Object.entries(cases)) {
    test(
      `${what}: the worker ends with ${code}, after the handlers that run, and the message goes back uncounted`,
      async () => {
        await using sandbox = new Sandbox();
        const path = sandbox.file("handler");
        writeFileSync(
          path,
          `#!/bin/sh\nread -r x; echo "$x"; echo >>begun; while [ ! -e go ]; do sleep 0.02; done\n`,
          { mode: 0o755 },
        );
        await sandbox.good(["push", "-q", "q", "first"]);
        const worker = sandbox.start([
          ...["ringwire-queue-worker", "work", "-q", "q", "-j2", "./handler"],
        ]);
        await until(
          "the first handler to run",
          () => sandbox.lines("begun").length === 1,
        );
        damage(path);
        await sandbox.good(["push", "-q", "q"], { stdin: "second\nthird\n" });
        await until("the worker to say why", () =>
          worker.err().includes("this worker stops"),
        );
        writeFileSync(sandbox.file("go"), "");
        const ended = await worker.ended;
        expect([ended.code, ended.out]).toEqual([code, "first\n"]);
        expect(await sandbox.waiting("q")).toEqual(["second 0", "third 0"]);
      },
      { timeoutMs: 20_000 },
    );
  }

  test(
    "open for writing: the worker ends with 126, and works on once it is closed",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      copyFileSync("/bin/cat", sandbox.file("handler"));
      const writer = openSync(sandbox.file("handler"), "r+");
      const words = ["work", "-q", "q", "--until-empty", "./handler"];
      try {
        expect((await sandbox.run(words)).code).toBe(126);
      } finally {
        closeSync(writer);
      }
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
      writeFileSync(sandbox.file("handler"), script);
      expect(await sandbox.good(words)).toBe("1 x\n");
    },
    { timeoutMs: 15_000 },
  );
});
