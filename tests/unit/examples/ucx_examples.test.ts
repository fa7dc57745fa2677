/** The examples of UCX, as processes of each runtime: each prints what it promises. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readDocument } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { ucxOutputs, withoutMeasurements } from "./ucx_outputs.ts";

const root = join(import.meta.dir, "../../..");
const deno = Bun.which("deno") ?? join(root, ".tools/node_modules/.bin/deno");

const runtimes: Readonly<Record<string, readonly string[]>> = {
  Bun: [process.execPath],
  Deno: [deno, "run", "--quiet", "--no-check", "--allow-all"],
};

function start(command: readonly string[]) {
  return Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

function readerOf(child: ReturnType<typeof start>) {
  return child.stdout.getReader();
}

/** Talks to a shell: each command's answer is waited for. */
class Shell implements AsyncDisposable {
  readonly #child: ReturnType<typeof start>;
  readonly #reader: ReturnType<typeof readerOf>;
  #text = "";

  constructor(command: readonly string[]) {
    this.#child = start([...command, join(root, "examples/ucx/shell.ts")]);
    this.#reader = readerOf(this.#child);
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
    this.#child.stdin.flush();
  }

  /** Waits until it has printed something, and gives that and the first group. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match[1] ?? match[0];
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`ended before ${pattern}: ${this.#text}`);
      this.#text += new TextDecoder().decode(value);
    }
  }

  async end(): Promise<number> {
    this.type("quit");
    return await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

describe("examples of UCX", () => {
  test("are all listed in examples/README.md, and all run here", () => {
    const examples = readdirSync(join(root, "examples/ucx")).filter(
      (name) => !name.endsWith("_program.ts"),
    );
    expect(examples.sort()).toEqual(
      [...Object.keys(ucxOutputs), "shell.ts"].sort(),
    );
    const listed = readDocument("examples/README.md");
    for (const name of examples) expect(listed).toContain(`](ucx/${name})`);
  });

  for (const [runtime, command] of Object.entries(runtimes)) {
    for (const [file, expected] of Object.entries(ucxOutputs)) {
      test(
        `${file} - prints what it promises in ${runtime}`,
        async () => {
          const child = start([...command, join(root, "examples/ucx", file)]);
          child.stdin.end();
          const [stdout, stderr] = await Promise.all([
            new Response(child.stdout).text(),
            new Response(child.stderr).text(),
          ]);
          expect(stderr).toBe("");
          expect(withoutMeasurements(stdout)).toBe(expected);
          expect(await child.exited).toBe(0);
        },
        { timeoutMs: 60_000 },
      );
    }
  }

  test(
    "shell.ts - two of them, in both runtimes, talk to each other",
    async () => {
      await using one = new Shell(runtimes.Bun ?? []);
      await using other = new Shell(runtimes.Deno ?? []);
      one.type("listen");
      const address = await one.until(/listening at (\S+)\n/);
      other.type(`connect ${address}`);
      await one.until(/endpoint 1 is connected/);
      await other.until(/endpoint 1 is connected/);
      other.type("send 1 5 some words");
      await other.until(/sent\n/);
      // It may still be on its way.
      for (let words = ""; words !== "some words";) {
        one.type("receive 1 5");
        words = await one.until(/(some words|nothing has come)\n/);
      }
      one.type("broadcast 6 hi there");
      await one.until(/endpoint 1: sent\n/);
      for (let words = ""; words !== "hi there";) {
        other.type("receive 1 6");
        words = await other.until(/(hi there|nothing has come)\n/);
      }
      one.type("stats");
      expect(await one.until(/messages sent +(\d+)/)).toBe("1");
      one.type("benchmark 1 100");
      await one.until(/100 messages in [\d.]+ ms/);
      one.type("send 9 5 x");
      await one.until(/there is no endpoint 9/);
      one.type("dance");
      await one.until(/dance: unknown/);
      expect(await other.end()).toBe(0);
      await one.until(/endpoint 1 was closed by peer/);
      expect(await one.end()).toBe(0);
    },
    { timeoutMs: 60_000 },
  );
});
