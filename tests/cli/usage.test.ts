import { writeFileSync } from "node:fs";
import { describe, expect, test } from "../support/testing.ts";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";

/** Words, then what the message must contain. */
const refused: readonly (readonly [words: string[], ...parts: string[]])[] = [
  [[], "a verb is needed"],
  [["frob"], 'given "frob"', "push"],
  [["dlq"], "a verb is needed"],
  [["dlq", "frob"], 'given "frob"', "export"],
  [["push", "-q", "x", "--frob"], "--frob"],
  [["push", "-q", "x", "a", "b"], "too many"],
  [["push", "body"], "no queue is given"],
  [["stat"], "no queue is given"],
  [["stat", "-q", "a", "b"], "two queues"],
  [["push", "-q", "", "x"], "--queue", 'given ""'],
  [["push", "-q", "a/b", "x"], "--queue", 'given "a/b"', "file:PATH"],
  [["push", "-q", "../x", "x"], 'given "../x"'],
  [["push", "-q", ".hidden", "x"], 'given ".hidden"'],
  [["push", "-q", "n".repeat(201), "x"], "1 to 200"],
  [["push", "-q", "a b", "x"], 'given "a b"'],
  [["push", "-q", "file:", "x"], 'given "file:"'],
  [["push", "-q", "nats://h/s", "x"], 'given "nats://h/s"'],
  [["create", "a/b"], 'given "a/b"'],
  [["rm", ""], 'given ""'],
  [
    ["create", "x", "--max-messages", "0"],
    "--max-messages",
    'given "0"',
    "1 to 1048576",
  ],
  [["create", "x", "--max-messages", "-5"], "--max-messages"],
  [["create", "x", "--max-messages", "1048577"], "1 to 1048576"],
  [["create", "x", "--max-messages", "1.5"], 'given "1.5"'],
  [
    ["create", "x", "--max-message-size", "0"],
    "--max-message-size",
    "from 1 to 1GiB",
  ],
  [["create", "x", "--max-message-size", "-1"], "--max-message-size"],
  [["create", "x", "--max-message-size", "2GiB"], "from 1 to 1GiB"],
  [["create", "x", "--max-message-size", "64XB"], 'given "64XB"'],
  [["create", "x", "--max-deliver", "256"], "1 to 255"],
  [["create", "x", "--max-participants", "4096"], "1 to 4095"],
  [["create", "x", "--lease", "30"], 'given "30"', "500ms"],
  [["create", "x", "--lease", "0s"], "--lease"],
  [["create", "x", "--sync", "sync"], "--journal"],
  [
    ["create", "x", "--journal", "f", "--sync", "often"],
    "process, interval, sync",
  ],
  [["push", "-q", "x", "b", "--priority", "urgent"], "high, normal, low"],
  [["push", "-q", "x", "b", "--delay", "soon"], "--delay", 'given "soon"'],
  [
    ["push", "-q", "x", "b", "--on-full", "explode"],
    "block, fail, drop-oldest",
  ],
  [["push", "-q", "x", "--in-framing", "xml"], "line, nul, len32, jsonl, raw"],
  [["push", "-q", "x", "b", "--header", "novalue"], "KEY:VALUE"],
  [["pop", "-q", "x", "--count", "0"], "--count"],
  [["pop", "-q", "x", "--until-empty", "--until-end"], "one of them"],
  [["pop", "-q", "x", "-o", "yaml"], "text, json, jsonl, raw"],
  [["work", "-q", "x"], "no handler"],
  [["work", "-q", "x", "--exec", "true", "--", "true"], "one of them"],
  [["work", "-q", "x", "-j", "0", "--", "true"], "--jobs"],
  [["work", "-q", "x", "--backoff", "5m..1s", "--", "true"], "--backoff"],
  [["dlq", "retry", "-q", "x"], "--all"],
  [["completion", "tcsh"], "bash, zsh, fish"],
];

cleanUpSandboxes();

describe("ringwire-queue-worker's command line", () => {
  test(
    "says what was given and what is allowed, and ends with 2",
    async () => {
      await using sandbox = new Sandbox();
      for (const [words, ...parts] of refused) {
        const { code, out, err } = await sandbox.run(words);
        const line = `${words.join(" ")}: ${code} ${err}`;
        expect(line).toContain(`: 2 ringwire-queue-worker: `);
        for (const part of parts) expect(line).toContain(part);
        expect(out).toBe("");
      }
      expect(await sandbox.good(["ls"])).toBe("");
    },
    { timeoutMs: 30_000 },
  );

  test(
    "takes a value from the flag, else the variable, else --config, else the user's file, and names the origin of a bad one",
    async () => {
      await using sandbox = new Sandbox();
      const config = sandbox.file("given.json");
      writeFileSync(config, '{"queue-worker":{"create":{"max-messages":30}}}');
      const limit = async (
        words: string[],
        env: Record<string, string> = {},
      ): Promise<number> => {
        await sandbox.good(["create", "q", ...words], { env });
        const stat = JSON.parse(
          await sandbox.good(["stat", "q", "-o", "json"]),
        );
        await sandbox.good(["rm", "q"]);
        return stat.queue.max_messages;
      };
      expect(
        await limit(["--max-messages", "10", "--config", config], {
          RINGWIRE_MAX_MESSAGES: "20",
        }),
      ).toBe(10);
      expect(
        await limit(["--config", config], { RINGWIRE_MAX_MESSAGES: "20" }),
      ).toBe(20);
      expect(await limit(["--config", config])).toBe(30);
      expect(await limit([], { RINGWIRE_CONFIG: config })).toBe(30);
      await sandbox.bash(
        "mkdir -p xdg/ringwire && echo '[queue-worker]\nmax-messages = 40' >xdg/ringwire/config.toml",
      );
      expect(await limit([], { XDG_CONFIG_HOME: sandbox.file("xdg") })).toBe(
        40,
      );
      expect(await limit([])).toBe(16384);

      const variable = await sandbox.run(["create", "q"], {
        env: { RINGWIRE_MAX_MESSAGES: "many" },
      });
      expect(`${variable.code} ${variable.err}`).toContain(
        '2 ringwire-queue-worker: RINGWIRE_MAX_MESSAGES: given "many"',
      );
      writeFileSync(config, '{"queue-worker":{"create":{"max-messages":"x"}}}');
      const file = await sandbox.run(["create", "q", "--config", config]);
      expect(`${file.code} ${file.err}`).toContain(
        `2 ringwire-queue-worker: ${config}: queue-worker.create.max-messages: given "x"`,
      );
      const missing = await sandbox.run([
        "create",
        "q",
        "--config",
        sandbox.file("none.json"),
      ]);
      expect(`${missing.code} ${missing.err}`).toContain("none.json");
      expect(missing.code).toBe(2);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "shows help with examples for every verb, on stdout",
    async () => {
      await using sandbox = new Sandbox();
      const help = await sandbox.good(["--help"]);
      expect(help).toContain("Examples:");
      const verbs = [...help.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(
        (match) => match[1] ?? "",
      );
      expect(verbs.length).toBeGreaterThan(10);
      for (const verb of verbs)
        expect(await sandbox.good([verb, "--help"])).toContain(
          "Usage: ringwire-queue-worker",
        );
      expect(await sandbox.good(["work", "--help"])).toContain("Examples:");
    },
    { timeoutMs: 20_000 },
  );

  test("knows its version, also as JSON", async () => {
    await using sandbox = new Sandbox();
    expect(await sandbox.good(["--version"])).toMatch(
      /^ringwire-queue-worker \d+\.\d+\.\d+\n$/,
    );
    const version = JSON.parse(await sandbox.good(["--version", "-o", "json"]));
    expect(version.runtime).toMatch(/^bun \d/);
    expect(version.shim_abi).toMatch(/^\d+\.\d+$/);
    expect(version.commit).toMatch(/^([0-9a-f]{12}\+?|unknown)$/);
  });
});
