/** What becomes of handlers, of what they have started, and of messages, when workers are killed. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { expectNoTwoAttemptsAtATime } from "../support/killed_workers.ts";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";

cleanUpSandboxes();

function processesThatHold(path: string): number[] {
  const holds = (pid: string): boolean => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some(
        (descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`) === path,
      );
    } catch {
      // It is gone by now.
      return false;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && holds(name))
    .map(Number);
}

describe("workers that are killed at random", () => {
  test(
    "never have two attempts of one message at a time, and each later attempt says so",
    async () => {
      await using sandbox = new Sandbox();
      await expectNoTwoAttemptsAtATime(sandbox, { messages: 200, kills: 20 });
    },
    { timeoutMs: 90_000 },
  );
});

describe("what a handler has started itself, when its worker is killed", () => {
  test(
    "lives on, unless it asked for its parent's death too",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const worker = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "q", "--exec"],
        `sh -c 'echo $$ >>alone; exec sleep 1000' &
setpriv --pdeathsig KILL sh -c 'echo $$ >>tied; exec sleep 1000' &
while [ ! -e alone ] || [ ! -e tied ]; do sleep 0.02; done; echo $$ >>handler; wait`,
      ]);
      await until("all to run", () => sandbox.lines("handler").length === 1);
      const [handler, alone, tied] = ["handler", "alone", "tied"].map((name) =>
        Number(sandbox.lines(name)[0]),
      );
      try {
        worker.kill("SIGKILL");
        await worker.ended;
        for (const pid of [handler, tied])
          await until(
            `process ${pid} to die`,
            async () => !(await isAlive(pid ?? 0)),
          );
        expect(await isAlive(alone ?? 0)).toBe(true);
      } finally {
        process.kill(alone ?? 0, "SIGKILL");
      }
    },
    { timeoutMs: 20_000 },
  );

  testIf(
    superuser,
    "to make a PID namespace, as a container has",
    "dies with a worker that is the first process of a container",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      // Numbers of processes within are not those of out here: each is found by what only it holds open.
      const worker = sandbox.start([
        ...["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
        ...["ringwire-queue-worker", "work", "-q", "q", "--exec"],
        "mkfifo held; sh -c 'exec sleep 1000 9<>held' & while [ ! -e held ]; do sleep 0.02; done; echo >>begun; wait",
      ]);
      await until("all to run", () => sandbox.lines("begun").length === 1);
      const holders = (): number[] => processesThatHold(sandbox.file("held"));
      await until("the child of the handler", () => holders().length === 1);
      const children = readFileSync(
        `/proc/${worker.pid}/task/${worker.pid}/children`,
        "utf8",
      );
      process.kill(Number(children.trim()), "SIGKILL");
      await worker.ended;
      await until(
        "the child of the handler to die",
        () => holders().length === 0,
      );
    },
    { timeoutMs: 20_000 },
  );
});

describe("a message that kills", () => {
  for (const [what, victim] of [
    ["its handler", "$$"],
    ["its worker", "$PPID"],
  ] as const) {
    test(
      `${what} ends as a dead letter after max-deliver, and the others are handled`,
      async () => {
        await using sandbox = new Sandbox();
        await sandbox.good(["create", "q", "--max-deliver", "4"]);
        await sandbox.good(["push", "-q", "q"], {
          stdin: "good\npoison\nalso good\n",
        });
        let workers = 0;
        await until("a worker to get to the end", async () => {
          workers++;
          const { code } = await sandbox.run([
            ...["work", "-q", "q", "--until-empty", "--backoff", "1ms..2ms"],
            ...["--exec"],
            `read -r x; echo "$x $RINGWIRE_MSG_ATTEMPT" >>runs; [ "$x" != poison ] || { kill -9 ${victim}; sleep 10; }`,
          ]);
          return code !== 137;
        });
        expect(sandbox.lines("runs").sort()).toEqual([
          "also good 1",
          "good 1",
          "poison 1",
          "poison 2",
          "poison 3",
          "poison 4",
        ]);
        expect(workers).toBe(victim === "$$" ? 1 : 5);
        const letters = await sandbox.good(["dlq", "export", "-q", "q"]);
        expect(letters.trimEnd().split("\n")).toHaveLength(1);
        expect(JSON.parse(letters).data).toBe("poison");
        expect(JSON.parse(letters).attempts).toBe(4);
        expect((await sandbox.status("q")).counters.acked).toBe(2);
      },
      { timeoutMs: 30_000 },
    );
  }

  test(
    "its worker is not passed over by a pop that comes next and finds nothing else",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "poison"]);
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "--exec", "kill -9 $PPID; sleep 10"],
      ]);
      expect(code).toBe(137);
      expect(await sandbox.good(["pop", "-q", "q"])).toBe("poison\n");
    },
    { timeoutMs: 20_000 },
  );

  test(
    "its worker is not spared by a worker's own --max-deliver: the queue's is the limit",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--max-deliver", "3"]);
      await sandbox.good(["push", "-q", "q", "poison"]);
      await until("a worker to find nothing", async () => {
        const { code } = await sandbox.run([
          ...["work", "-q", "q", "--until-empty", "--max-deliver", "2"],
          ...["--exec", "echo >>runs; kill -9 $PPID; sleep 10"],
        ]);
        return code !== 137;
      });
      expect(sandbox.lines("runs")).toHaveLength(3);
      expect((await sandbox.status("q")).buried).toBe(1);
    },
    { timeoutMs: 30_000 },
  );
});
