/** What the daemon's configuration may hold, and how the rest is refused. */
import { writeFileSync } from "node:fs";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

const worker = { queue: "q", exec: "true", stdout: "null" };

/** What `daemon --check` says about a file with this text. */
async function check(
  sandbox: Sandbox,
  config: object | string,
  name = "daemon.json",
): Promise<{ readonly code: number; readonly err: string }> {
  const path = sandbox.file(name);
  writeFileSync(
    path,
    typeof config === "string" ? config : JSON.stringify(config),
  );
  const { code, err } = await sandbox.run(["daemon", "--check", "-c", path]);
  return { code, err: err.replaceAll(path, "FILE") };
}

describe("daemon configuration", () => {
  test(
    "refuses everything that is wrong at once, with path, what was given and what is allowed",
    async () => {
      await using sandbox = new Sandbox();
      const { code, err } = await check(sandbox, {
        queues: { jobs: { creat: true, "max-messages": 0 }, ".x": {} },
        workers: {
          w: {
            queue: "jobs",
            command: "./handle",
            jbos: 3,
            jobs: "x",
            timeout: 5,
            "until-empty": true,
            environment: { "A B": "x", C: {} },
          },
          "a b": worker,
          ["x".repeat(28)]: worker,
          lost: { exec: "true" },
          number: 5,
        },
        "sweep-every": "1ms",
        speed: 1,
      });
      expect(code).toBe(2);
      const workerKeys = "no such key; allowed are backoff, ";
      for (const line of [
        "FILE: 16 mistakes",
        "queues.jobs.creat: no such key; allowed are create, health, journal, ",
        'queues.jobs.max-messages: given "0", allowed is a whole number from 1 to 1048576',
        'queues..x: given ".x", allowed is 1 to 200 characters of A-Z',
        'workers.w.command: given "./handle", allowed is a list such as ["./handle", "--fast"]',
        `workers.w.jbos: ${workerKeys}`,
        'workers.w.jobs: given "x", allowed is a whole number from 1 to 1024',
        'workers.w.timeout: given "5", allowed is a duration such as 500ms, 30s or 5m',
        `workers.w.until-empty: ${workerKeys}`,
        "workers.w.environment.A B: allowed is the name of a variable",
        "workers.w.environment.C: given a table, allowed is a text, a number, true or false",
        'workers.a b: given "a b", allowed is 1 to 27 characters',
        `workers.${"x".repeat(28)}: given "${"x".repeat(28)}", allowed is 1 to 27 characters`,
        "workers.lost.queue: missing; needed is the name of a queue",
        "workers.number: given 5, allowed is a table",
        'sweep-every: given "1ms", allowed is a duration such as 500ms, 30s or 5m, from 10ms to 1h',
        "speed: no such key; allowed are drain-timeout, health, queues, sweep-every, workers",
      ])
        expect(err).toContain(line);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "refuses what does not go together",
    async () => {
      await using sandbox = new Sandbox();
      const { code, err } = await check(sandbox, {
        queues: { jobs: { "max-messages": 10 } },
        workers: {
          none: { queue: "jobs", stdout: "null" },
          both: { ...worker, command: ["cat"] },
          late: { ...worker, restart: { "min-delay": "2m" } },
          mixed: { ...worker, batch: 5, coproc: true },
          circle: { ...worker, queue: "file:./a", to: "file:a" },
          astray: { ...worker, environment: { RINGWIRE_SHM_DIR: "/tmp" } },
        },
      });
      expect([code, err.split("\n").slice(1)]).toEqual([
        2,
        [
          '  queues.jobs.max-messages: given without "create": true, which it belongs to',
          "  workers.none: given neither command nor exec, allowed is one of them",
          "  workers.both: given command and exec, allowed is one of them",
          "  workers.late.restart: min-delay is 120000 ms, allowed is at most max-delay, 60000 ms",
          "  workers.mixed: --batch and --coproc are given; allowed is one of them",
          `  workers.circle: --to: given file:${sandbox.file("a")}, which is the queue itself; allowed is another one`,
          "  workers.astray.environment.RINGWIRE_SHM_DIR: given, allowed only in the daemon's own environment",
          "",
        ],
      ]);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "refuses keys that are given twice, in JSON too, and files that are none",
    async () => {
      await using sandbox = new Sandbox();
      for (const [text, reason] of [
        [
          '{"workers":{"w":{"queue":"q","exec":"a"},"w":{"queue":"q","exec":"b"}}}',
          "workers.w: given twice, allowed is once",
        ],
        [
          '{"workers":{"w":{"environment":{"__proto__":"x"}}}}',
          "workers.w.environment.__proto__: given as a key",
        ],
        ["{}", "given neither workers nor queues, needed is at least one"],
        ["[1]", "the file: given a list, allowed is a table"],
        ["{", "JSON Parse error"],
      ] as const) {
        const { code, err } = await check(sandbox, text);
        expect(`${code} ${err}`).toContain(
          `2 ringwire-queue-worker: FILE: ${reason}`,
        );
      }
      const { err } = await sandbox.run([
        "daemon",
        "-c",
        sandbox.file("nowhere.json"),
      ]);
      expect(err).toContain("nowhere.json: ENOENT");
      expect((await sandbox.run(["daemon"])).err).toContain(
        "needed is -c FILE",
      );
    },
    { timeoutMs: 20_000 },
  );

  test(
    "TOML means the same",
    async () => {
      await using sandbox = new Sandbox();
      const good = await check(
        sandbox,
        '[workers.w]\nqueue = "q"\ncommand = ["cat"]\njobs = 4\n',
        "daemon.toml",
      );
      expect([good.code, good.err]).toEqual([
        0,
        "ringwire-queue-worker: FILE: all right; workers 1, processes 1, queues 1\n",
      ]);
      const bad = await check(
        sandbox,
        '[workers.w]\nqueue = "q"\nexec = "x"\njobs = 0\n',
        "daemon.toml",
      );
      expect([bad.code, bad.err]).toEqual([
        2,
        'ringwire-queue-worker: FILE: workers.w.jobs: given "0", allowed is a whole number from 1 to 1024\n',
      ]);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "--check finds commands and directories that are not there, and starts nothing",
    async () => {
      await using sandbox = new Sandbox();
      const workers = Object.fromEntries(
        Array.from({ length: 100 }, (_, index) => [
          `w${index}`,
          { ...worker, processes: 2 },
        ]),
      );
      const many = await check(sandbox, {
        queues: { q: { create: true } },
        workers,
      });
      expect([many.code, many.err]).toEqual([
        0,
        "ringwire-queue-worker: FILE: all right; workers 100, processes 200, queues 1\n",
      ]);
      expect((await sandbox.run(["stat", "q"])).code).toBe(3);
      const { code, err } = await check(sandbox, {
        workers: {
          a: { queue: "q", command: ["./nowhere"], stdout: "null" },
          b: { ...worker, directory: "nowhere", stdout: "/dev/null" },
        },
      });
      expect(code).toBe(2);
      expect(err).toContain(
        `FILE: workers.a.command: handler "${sandbox.file("nowhere")}" was not found\n`,
      );
      expect(err).toContain(
        `FILE: workers.b.directory: ${sandbox.file("nowhere")} is no directory\n`,
      );
    },
    { timeoutMs: 15_000 },
  );
});
