import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChild } from "../../../cmd/processes/child.ts";
import {
  CommandFailure,
  exitCodeOf,
} from "../../../cmd/command_line/exit_codes.ts";
import {
  findHandler,
  shellHandler,
} from "../../../cmd/processes/handler_command.ts";
import {
  chooseLauncher,
  type Launcher,
} from "../../../cmd/processes/launcher.ts";
import {
  MessageTooLargeError,
  NoSpaceError,
  QueueNotFoundError,
} from "../../../src/queue/mod.ts";
import { afterAll, describe, expect, test } from "../../support/testing.ts";

const shim = join(import.meta.dir, "../../../build/libringwire-shm.so");
const directory = mkdtempSync(join(tmpdir(), "ringwire-handlers-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function exitCodeOfFinding(argv: string[], searchPath?: string): number {
  try {
    findHandler(argv, searchPath);
    return 0;
  } catch (error) {
    if (error instanceof CommandFailure) return error.exitCode;
    throw error;
  }
}

async function shell(
  line: string,
  launcher: Launcher,
  body = "",
): Promise<{ exitCode: number | null; output: string; errors: string }> {
  const never = new AbortController().signal;
  const { exitCode, streams } = await runChild({
    command: shellHandler(line),
    launcher,
    body: new TextEncoder().encode(body),
    environment: process.env,
    timeoutMs: undefined,
    killAfterMs: 1000,
    terminate: [never],
    isUrgent: () => false,
    kill: never,
  });
  const decoder = new TextDecoder();
  return {
    exitCode,
    output: decoder.decode(await streams.output()),
    errors: decoder.decode(await streams.errorTail()),
  };
}

describe("finding a handler", () => {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "plain"), "");
  writeFileSync(join(bin, "tool"), "#!/bin/sh\n");
  chmodSync(join(bin, "tool"), 0o755);

  test("searches PATH as a shell does, and takes a path with a slash as it is", () => {
    expect(findHandler(["tool", "x"], `/nonexistent:${bin}`)).toEqual({
      path: join(bin, "tool"),
      argv: ["tool", "x"],
    });
    expect(findHandler([join(bin, "tool")], "").path).toBe(join(bin, "tool"));
    expect(findHandler(["sh"], undefined).path).toBe("/bin/sh");
  });

  test("tells what is missing from what cannot be executed", () => {
    expect(exitCodeOfFinding(["tool"], "/nonexistent")).toBe(127);
    expect(exitCodeOfFinding(["plain"], bin)).toBe(126);
    expect(exitCodeOfFinding([bin], bin)).toBe(126);
    expect(exitCodeOfFinding([""], bin)).toBe(127);
    expect(exitCodeOfFinding([join(bin, "tool", "below")], bin)).toBe(127);
  });
});

describe("launching a handler", () => {
  test("the shim itself is the first choice, setpriv the second", async () => {
    expect((await chooseLauncher(shim)).method).toBe("shim");
    const second = await chooseLauncher(undefined);
    expect(second.method).toBe(
      Bun.which("setpriv") === null ? "none" : "setpriv",
    );
    expect(await shell("cat; echo said >&2; exit 3", second, "body")).toEqual({
      exitCode: 3,
      output: "body",
      errors: "said\n",
    });
  });

  test("a want of descriptors is not taken for a launcher that does not work", async () => {
    // In a process of its own, which has none left.
    const program = `import { closeSync, openSync } from "node:fs";
import { chooseLauncher } from ${JSON.stringify(join(import.meta.dir, "../../../cmd/processes/launcher.ts"))};
const taken = [];
try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {}
const chosen = await chooseLauncher(undefined).then(({ method }) => method, (error) => error.message);
for (const descriptor of taken) closeSync(descriptor);
console.log(chosen);`;
    const child = Bun.spawn(
      [
        ...["bash", "-c", `ulimit -n 64; exec "$0" -e "$1"`],
        ...[process.execPath, program],
      ],
      { stdout: "pipe", stderr: "inherit" },
    );
    expect(await new Response(child.stdout).text()).toMatch(
      /^no process can be made, .*EMFILE/,
    );
  });

  test("arguments, body and output pass exactly", async () => {
    const launcher = await chooseLauncher(shim);
    expect(
      await shell(
        "printf '%s|' \"$0\" 'a  b'; cat; echo said >&2; exit 75",
        launcher,
        "x\0y",
      ),
    ).toEqual({ exitCode: 75, output: "/bin/sh|a  b|x\0y", errors: "said\n" });
    const large = "x".repeat(3_000_000);
    expect((await shell("cat", launcher, large)).output).toHaveLength(
      large.length,
    );
  });

  test("the shim does not start a handler whose parent is gone", async () => {
    const launcher = await chooseLauncher(shim);
    const [image = ""] = launcher.wrap(shellHandler("true"));
    const orphan = Bun.spawn(
      [image, "1", "/bin/sh", "sh", "-c", "echo started"],
      { stdout: "pipe" },
    );
    expect(await new Response(orphan.stdout).text()).toBe("");
    expect(await orphan.exited).toBe(137);
  });
});

describe("exit codes", () => {
  test("follow from the code of the error", () => {
    expect(exitCodeOf(new QueueNotFoundError("x"))).toBe(3);
    expect(exitCodeOf(new MessageTooLargeError("x"))).toBe(6);
    expect(exitCodeOf(new NoSpaceError("x"))).toBe(8);
    expect(exitCodeOf(Object.assign(new Error("x"), { code: "EACCES" }))).toBe(
      4,
    );
    expect(
      exitCodeOf(
        Object.assign(new Error("x"), { code: "AccessFailed", errno: 13 }),
      ),
    ).toBe(4);
    expect(exitCodeOf(new Error("x"))).toBe(1);
    expect(exitCodeOf("x")).toBe(1);
  });
});
