/** The line of progress, on a real pseudo terminal. */
import { describe, expect, test } from "../support/testing.ts";
import {
  cleanUpSandboxes,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import {
  type OnTerminal,
  screenLines,
  startOnTerminal,
} from "../support/terminal.ts";

cleanUpSandboxes();
const timeoutMs = 60_000;

interface Setting {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A shell line on a terminal; `rqw` is the executable. */
function onTerminal(
  sandbox: Sandbox,
  line: string,
  { columns, env }: Setting = {},
): OnTerminal {
  return startOnTerminal({
    command: [
      "bash",
      "--norc",
      "-c",
      `rqw() { exec '${worker}' "$@"; }; ${line}`,
    ],
    cwd: sandbox.files,
    columns: columns ?? 80,
    env: {
      PATH: process.env.PATH,
      HOME: sandbox.files,
      TERM: "xterm",
      RINGWIRE_SHM_DIR: sandbox.directory,
      ...env,
    },
  });
}

/** Two messages at once and then nothing until the file `go` is there. */
const slowInput =
  "{ printf 'a\\nb\\n'; until [ -e go ]; do sleep 0.02; done; }";

describe("the line of progress", () => {
  test(
    "push - says count, rate, bytes and what waits, and is gone at the end",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await using shown = onTerminal(sandbox, `${slowInput} | rqw push -q q`);
      await until("a line", () => /2 messages.*waiting/.test(shown.raw()));
      const line = screenLines(shown.raw()).at(-1) ?? "";
      expect(line).toMatch(
        /^2 messages {2}\d\S*\/s {2}4 B {2}2 waiting {2}0:0\d$/,
      );
      await sandbox.bash("touch go");
      expect(await shown.ended).toBe(0);
      await until(
        "an empty screen",
        () => screenLines(shown.raw()).join("") === "",
      );
    },
    { timeoutMs },
  );

  test(
    "lines of narration stand above it, unharmed",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--max-messages", "1"]);
      await using shown = onTerminal(
        sandbox,
        `{ printf 'a\\nb\\n'; until [ -e go ]; do sleep 0.02; done; } | rqw push -q q`,
      );
      await until("the narration", () => shown.raw().includes("is full"));
      await until("a line below it", () => {
        const lines = screenLines(shown.raw());
        return (
          lines.length === 2 &&
          /^ringwire-queue-worker: queue q is full.*so far$/.test(
            lines[0] ?? "",
          ) &&
          lines[1]?.startsWith("1 messages")
        );
      });
      await sandbox.good(["pop", "-q", "q"]);
      await sandbox.bash("touch go");
      expect(await shown.ended).toBe(0);
      await until("the narration alone", () => {
        const lines = screenLines(shown.raw());
        return lines.length === 2 && lines[1] === "";
      });
    },
    { timeoutMs },
  );

  test(
    "pop - shows it when stdout goes elsewhere, and not among the messages on the same terminal",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
      await using elsewhere = onTerminal(
        sandbox,
        "rqw pop -q q -n 3 --wait 60s >out",
      );
      await until("a line", () =>
        /2 messages {2}66 %/.test(screenLines(elsewhere.raw()).at(-1) ?? ""),
      );
      await using same = onTerminal(sandbox, "rqw pop -q q --wait 60s");
      await sandbox.good(["push", "-q", "q"], { stdin: "c\nd\n" });
      expect(await elsewhere.ended).toBe(0);
      expect(await same.ended).toBe(0);
      await until("the message", () => /^[cd]\r\n$/.test(same.raw()));
    },
    { timeoutMs },
  );

  test(
    "fits into the terminal, also when that becomes narrower",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await using shown = onTerminal(sandbox, `${slowInput} | rqw push -q q`, {
        columns: 30,
      });
      const last = (): string => shown.raw().split("\r").at(-1) ?? "";
      await until("a line", () => last().includes("2 messages"));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: erases the rest of the line
      const text = (): string => last().replaceAll(/\x1b\[K/g, "");
      expect(text().length).toBeLessThan(30);
      expect(text()).toContain("waiting");
      shown.resize(12);
      await until("a short line", () => text() === "2 messages");
      shown.resize(5);
      await until("the number alone", () => text() === "2");
    },
    { timeoutMs },
  );

  test(
    "is cleared on Ctrl-C, which still ends push as a signal does",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await using shown = onTerminal(
        sandbox,
        `trap : INT; { printf 'a\\nb\\n'; exec sleep 60; } | '${worker}' push -q q; echo "ended \${PIPESTATUS[1]}"`,
      );
      await until("a line", () => shown.raw().includes("2 messages"));
      shown.type("\x03");
      expect(await shown.ended).toBe(0);
      await until("its end", () => shown.raw().includes("ended"));
      // The terminal itself shows the key that was pressed.
      expect(screenLines(shown.raw().replace("^C", ""))).toEqual([
        "ended 130",
        "",
      ]);
    },
    { timeoutMs },
  );

  test(
    "a terminal that is stopped with Ctrl-S stops no work",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      await using shown = onTerminal(sandbox, `${slowInput} | rqw push -q q`);
      await until("a line", () => shown.raw().includes("2 messages"));
      shown.type("\x13");
      await sandbox.bash("touch go");
      expect(await shown.ended).toBe(0);
    },
    { timeoutMs },
  );

  test(
    "there is none where it would be in the way: no terminal, TERM=dumb, NO_COLOR",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const silent: readonly Setting[] = [
        { env: { TERM: "dumb" } },
        { env: { TERM: "" } },
        { env: { NO_COLOR: "1" } },
      ];
      const input = "{ printf 'a\\n'; sleep 1.2; }";
      const runs = silent.map(async (setting) => {
        await using shown = onTerminal(
          sandbox,
          `${input} | rqw push -q q`,
          setting,
        );
        expect(await shown.ended).toBe(0);
        expect(shown.raw()).toBe("");
      });
      const piped = sandbox.bash(`${input} | ringwire-queue-worker push -q q`, {
        env: { TERM: "xterm" },
      });
      await Promise.all(runs);
      expect((await piped).err).toBe("");
    },
    { timeoutMs },
  );
});
