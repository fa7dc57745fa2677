/** `top` as a pipe and on a real pseudo terminal. */
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { listenControlled } from "../support/control_fixture.ts";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import {
  cleanUpTerminals,
  TerminalSession,
  type TerminalStart,
} from "../support/terminal_session.ts";
import { describe, expect, test } from "../support/testing.ts";

const limits = { timeoutMs: 60_000 };
const often = ["--interval", "50ms"];

cleanUpTerminals();
cleanUpSandboxes();

/** A sandbox's queues, each with some messages. */
async function fill(
  sandbox: Sandbox,
  queues: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, count] of Object.entries(queues)) {
    await sandbox.good(["create", name]);
    if (count > 0)
      await sandbox.good(["push", "-q", name], { stdin: "x\n".repeat(count) });
  }
}

function open(sandbox: Sandbox, start?: TerminalStart): TerminalSession {
  return new TerminalSession(sandbox, ["top", ...often], start);
}

/** The terminal is as it was: usual screen, cursor, wrapping, lines read and shown. */
async function expectRestored(session: TerminalSession): Promise<void> {
  await until("the usual screen", () => !session.screen.modes.has(1049));
  await until("the usual input", () => session.cooked);
  expect([...session.screen.modes].sort()).toEqual([25, 7].sort());
}

describe("top as a pipe", () => {
  test(
    "prints a table for each sample, and ends after --count",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 3, mail: 0 });
      await listenControlled(sandbox, {
        name: "w\x1b[2J",
        report: { queue: "mail", command: ["./send", "a b"] },
      });
      const out = await sandbox.good(["top", ...often, "-n", "2"]);
      const tables = out.split("\n\n").filter((table) => table !== "");
      expect(tables).toHaveLength(2);
      for (const table of tables) {
        const [, heading, ...rows] = table.split("\n");
        expect(heading?.trim().split(/ +/)).toEqual(
          "QUEUE STATE WAITING LEASED DELAYED DEAD IN/s OUT/s OLDEST USED CONSUMERS OUTLOOK".split(
            " ",
          ),
        );
        expect(rows[0]).toMatch(
          /^! {2}jobs +open +3 +0 +0 +0 +0 +0 +\d\S* +0% +0$/,
        );
        expect(rows[1]).toMatch(/^ {3}mail +open +0 .* - +0% +0/);
        expect(rows[3]).toMatch(
          /^ {3}w\\x1b\[2J +\d+ +mail +idle +0\/1 +- +0 +0 +0 +\.\/send a b$/,
        );
      }
    },
    limits,
  );

  test(
    "JSON is one object a sample, with rates from the first one on",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 0 });
      const reader = sandbox.start(
        ["ringwire-queue-worker", "top", "-o", "jsonl", "--interval", "200ms"],
        {},
      );
      await until("a sample", () => reader.out().includes("\n"));
      await sandbox.good(["push", "-q", "jobs"], { stdin: "x\n".repeat(500) });
      await sandbox.good(["pop", "-q", "jobs", "-n", "400"]);
      const samples = () =>
        reader
          .out()
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line).queues[0]);
      await until("both rates", () =>
        ["in_per_s", "out_per_s"].every((rate) =>
          samples().some((queue) => queue[rate] > 0),
        ),
      );
      await until("what is left", () => samples().at(-1).waiting === 100);
      reader.kill("SIGTERM");
      expect((await reader.ended).code).toBe(143);
      const first = samples()[0];
      expect([first.state, first.waiting, first.in_per_s]).toEqual([
        "open",
        0,
        0,
      ]);
    },
    limits,
  );

  test(
    "only looks: no queue has a participant or a wake-up more",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 3 });
      const reader = sandbox.start(["ringwire-queue-worker", "top", ...often]);
      await until("three samples", () => reader.out().split("Z\n").length > 3);
      const status = await sandbox.status("jobs");
      expect([status.participants, status.message_count]).toEqual([[], 3]);
      reader.kill("SIGINT");
      expect((await reader.ended).code).toBe(130);
    },
    limits,
  );

  test(
    "shows a queue that is made anew, one that comes and goes, and one that is no queue",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 3 });
      await Bun.write(join(sandbox.directory, "ringwire.broken"), "nonsense");
      const reader = sandbox.start([
        "ringwire-queue-worker",
        "top",
        ...["jobs", "later", "broken", "-o", "json", ...often],
      ]);
      const seen = (pattern: RegExp) =>
        until(`a sample like ${pattern}`, () =>
          pattern.test(reader.out().split("\n").at(-2) ?? ""),
        );
      await seen(/"name":"jobs","state":"open","waiting":3/);
      await seen(/"name":"later","state":"missing","waiting":null/);
      await seen(/"name":"broken","state":"unreadable"/);
      // Made anew between two looks.
      reader.kill("SIGSTOP");
      await sandbox.good(["rm", "jobs"]);
      await fill(sandbox, { jobs: 1, later: 2 });
      reader.kill("SIGCONT");
      await seen(/"name":"jobs","state":"open","waiting":1/);
      await seen(/"name":"later","state":"open","waiting":2/);
      rmSync(join(sandbox.directory, "ringwire.later"));
      await seen(/"name":"later","state":"missing"/);
      reader.kill("SIGINT");
      await reader.ended;
    },
    limits,
  );

  test(
    "shows the queues when the workers cannot be looked for, and says why",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 1 });
      const { path } = await listenControlled(sandbox, { name: "w" });
      chmodSync(join(path, ".."), 0o755);
      const once = ["top", "-n", "1", ...often];
      expect(await sandbox.good(once)).toMatch(
        /^! workers: .* its mode is 0755\n.*\n! {2}jobs +open +1 /m,
      );
      const json = JSON.parse(await sandbox.good([...once, "-o", "json"]));
      expect(json.problem).toContain("its mode is 0755");
      const session = open(sandbox);
      await session.line(/^workers: .* must be a directory of user/);
      await session.line(/jobs +open +1 /);
      session.press("q");
      expect(await session.ended()).toBe(0);
    },
    limits,
  );

  test(
    "ends with 3 when no named queue is there, and quietly when nobody reads",
    async () => {
      await using sandbox = new Sandbox();
      expect((await sandbox.run(["top", "no", "-q", "none"])).code).toBe(3);
      const piped = await sandbox.bash(
        `ringwire-queue-worker top --interval 50ms | head -n 1 >/dev/null; echo "\${PIPESTATUS[0]}"`,
      );
      expect([piped.out, piped.err]).toEqual(["141\n", ""]);
    },
    limits,
  );

  test(
    "is no live view on a terminal that says it is dumb",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 1 });
      const session = open(sandbox, { env: { TERM: "dumb" } });
      await until(
        "two samples",
        () => session.written.split("Z\r\n").length > 2,
      );
      expect(session.written).not.toContain("\x1b");
      session.press("\x03");
      expect(await session.ended()).toBe(130);
    },
    limits,
  );
});

describe("top on a terminal", () => {
  test(
    "follows the queues and workers, and gives the terminal back at q",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 3, mail: 0 });
      const session = open(sandbox);
      await session.line(/^! {2}jobs +open +3 /);
      await session.line(/^jobs: nobody takes the 3 that wait$/);
      expect(session.cooked).toBe(false);
      expect([...session.screen.modes]).toContain(1049);
      expect([...session.screen.modes]).not.toContain(25);
      await sandbox.good(["push", "-q", "jobs"], { stdin: "x\n".repeat(4) });
      await session.line(/jobs +open +7 /);
      const { owner } = await listenControlled(sandbox, {
        name: "w1",
        report: {
          queue: "jobs",
          jobs: 4,
          running: [
            {
              ids: ["7"],
              attempt: 1,
              pid: 9,
              since_ms: Date.now() - 3_700_000,
            },
          ],
          counts: { acked: 5, retried: 6, buried: 7, released: 0, lost: 0 },
        },
      });
      await session.line(/w1 +\d+ +jobs +working +1\/4 +1h01m +5 +6 +7/);
      owner.kill("SIGSTOP");
      await session.line(/^! {2}w1 +\d+ +- +silent/);
      owner.kill("SIGCONT");
      await session.line(/^ {3}w1 +\d+ +jobs +working/);
      session.press("q");
      expect(await session.ended()).toBe(0);
      await expectRestored(session);
    },
    limits,
  );

  test(
    "keys select, sort, explain, and pause after a question",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { a: 1, b: 3, c: 2 });
      const session = open(sandbox);
      await session.line(/^! {2}a /);
      session.press("j");
      session.press("p");
      await session.line(/^pause b, so that .*\? y\/n$/);
      session.press("n");
      await session.line(/^nothing is paused$/);
      session.press("\x1b[B");
      session.press("k");
      session.press("p");
      session.press("y");
      await session.line(/b +paused +3 /);
      expect(await sandbox.good(["stat", "b"])).toContain("open, paused");
      session.press("p");
      await session.line(/b +open +3 /);
      expect(await sandbox.good(["stat", "b"])).not.toContain("paused");

      session.press("ss");
      await session.line(/^sorted by waiting$/);
      const order = () =>
        session.screen.text
          .filter((line) => /^! {2}[abc] /.test(line))
          .map((line) => line[3])
          .join("");
      await until("the largest first", () => order() === "bca");
      session.press("?");
      await session.line(/^OUTLOOK +when it is empty or full/);
      session.press("?");
      await session.line(/^! {2}a /);
      session.press("\x03");
      expect(await session.ended()).toBe(130);
      await expectRestored(session);
    },
    limits,
  );

  test(
    "Enter shows why messages are dead, what runs, and who holds what",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { a: 0, mail: 3 });
      const work = await sandbox.run([
        ...["work", "-q", "mail", "--until-empty", "--max-deliver", "1"],
        ...["--exec", 'echo "no such host" >&2; exit 65'],
      ]);
      expect(work.code).toBe(123);
      await sandbox.good(["push", "-q", "mail"], { stdin: "x\ny\n" });
      const since_ms = Date.now() - 125_000;
      await listenControlled(sandbox, {
        name: "sender",
        report: {
          queue: "mail",
          running: [{ ids: ["17", "18"], attempt: 4, pid: 4242, since_ms }],
        },
      });
      const session = open(sandbox, { lines: 30 });
      await session.line(/mail +open +2 /);
      session.press("j\r");
      await session.line(
        /^2 wait \(high 0, normal 2, low 0\), .* 3 dead of at/,
      );
      await session.line(/^ +3 +exit status 65 +no such host$/);
      await session.line(/^sender \(\d+\) +4242 +2m\d\ds +4 +17 18$/);
      session.press("k");
      await session.line(/^0 wait /);
      session.press("\x1b");
      await session.line(/sender +\d+ +mail +working/);
      session.press("q");
      expect(await session.ended()).toBe(0);
    },
    limits,
  );

  test(
    "shows what a daemon's workers wait for",
    async () => {
      await using sandbox = new Sandbox();
      const worker = (name: string, state: string, text: string | null) => ({
        name,
        state,
        restarts: 4,
        last_exit: text === null ? null : { text },
        processes: [{ pid: state === "running" ? 1 : null }],
      });
      await listenControlled(sandbox, {
        name: "media",
        report: {
          kind: "daemon",
          config_error: "workers.x: no such key",
          workers: [
            worker("thumbs", "running", null),
            worker("mail", "backoff", "exit status 1"),
            worker("scan", "failed", "exit status 127"),
          ],
        },
      });
      const session = open(sandbox, { columns: 200 });
      await session.line(
        /^! {2}media +\d+ +- +daemon +1\/3 .* thumbs mail scan$/,
      );
      await session.line(
        /worker scan has failed, exit status 127; .*worker mail waits for restart 5, exit status 1; .*its new configuration was refused: workers\.x/,
      );
      session.press("q");
      await session.ended();
    },
    limits,
  );

  test(
    "follows the size of the terminal, down to nearly nothing",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { "a-queue-with-a-long-name": 1, b: 1, c: 1 });
      const session = open(sandbox);
      await session.line(/OUTLOOK/);
      session.resize(40, 10);
      await session.line(/^ {3}QUEUE +WAITING +OUT\/s +OLDEST$/);
      expect(session.screen.text.join("\n")).not.toContain("LEASED");
      session.resize(12, 3);
      await session.line(/^! {2}a-queue-…$|^ {3}QUEUE/);
      session.resize(150, 30);
      await session.line(/OUTLOOK/);
      await session.line(/^! {2}a-queue-with-a-long-name /);
      expect(session.screen.text[29]).toMatch(/^q quit/);
      session.press("q");
      expect(await session.ended()).toBe(0);
    },
    limits,
  );

  test(
    "gives the terminal back whatever ends it",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 1 });
      for (const [signal, code] of [
        ["SIGTERM", 143],
        ["SIGINT", 130],
        ["SIGHUP", 129],
      ] as const) {
        const session = open(sandbox);
        await session.line(/jobs +open/);
        session.kill(signal);
        expect(await session.ended()).toBe(code);
        await expectRestored(session);
      }
      const failing = open(sandbox);
      await failing.line(/jobs +open/);
      // The directory of the queues is gone: the next sample fails.
      rmSync(sandbox.directory, { recursive: true });
      expect(await failing.ended()).not.toBe(0);
      await expectRestored(failing);
      await failing.line(/^ringwire-queue-worker: .* cannot be listed/);
    },
    limits,
  );

  test(
    "lends the terminal to the shell while it is stopped",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 1 });
      const session = open(sandbox);
      const state = async () =>
        /\) (\S)/.exec(await Bun.file(`/proc/${session.pid}/stat`).text())?.[1];
      for (const stop of [
        () => session.press("\x1a"),
        () => session.kill("SIGTSTP"),
      ]) {
        await session.line(/jobs +open/);
        stop();
        await until("it to be stopped", async () => (await state()) === "T");
        await expectRestored(session);
        session.kill("SIGCONT");
        await until("its screen", () => session.screen.modes.has(1049));
        await until("its input", () => !session.cooked);
      }
      await session.line(/jobs +open/);
      expect(await isAlive(session.pid)).toBe(true);
      session.press("q");
      expect(await session.ended()).toBe(0);
      await expectRestored(session);
    },
    limits,
  );

  test(
    "writes nothing but the clock while nothing changes, and no colours with NO_COLOR",
    async () => {
      await using sandbox = new Sandbox();
      await fill(sandbox, { jobs: 0 });
      const session = open(sandbox, { env: { NO_COLOR: "1" } });
      await session.line(/jobs +open +0 +0 +0 +0 +0 +0 /);
      const before = session.written.length;
      const clock = session.screen.text[0];
      await until("the clock to go on", () => session.screen.text[0] !== clock);
      const update = session.written.slice(before);
      expect(update).toContain("ringwire top");
      expect(update).not.toContain("jobs");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(session.written).not.toMatch(/\x1b\[[\d;]*3\d[\d;]*m/);
      session.press("q");
      await session.ended();
    },
    limits,
  );
});
