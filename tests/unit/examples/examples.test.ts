/** The basics, as child processes of each runtime: each prints what it promises and leaves nothing behind. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "../../support/testing.ts";

const root = join(import.meta.dir, "../../..");
const shmDirectory = mkdtempSync("/dev/shm/ringwire-examples-");
const deno = Bun.which("deno") ?? join(root, ".tools/node_modules/.bin/deno");

const runtimes: Readonly<Record<string, readonly string[]>> = {
  Bun: [process.execPath],
  Deno: [deno, "run", "--quiet", "--no-check", "--allow-all"],
};

const outputs: Readonly<Record<string, string>> = {
  "jobs.ts": `urgent: done at delivery 1
usual: done at delivery 1
flaky: done at delivery 2
later: done at delivery 1
dead letter: hopeless after 3 deliveries: hopeless failed
sent 5, acked 4, nacked 3, buried 1
`,
  "zero_copy.ts": "8 frames, 8388608 bytes, sum of the last bytes 36\n",
  "request_reply.ts": `[1,2,3] -> {"sum":6}
[40,2] -> {"sum":42}
[] -> {"sum":0}
QueueTimeout: nobody took the request in time
left in the queue: nothing
`,
  "streams.ts": `1000 messages, 7893 bytes
acknowledged: 1000
`,
};

async function run(command: readonly string[]) {
  const child = Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, RINGWIRE_SHM_DIR: shmDirectory, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

function sortedLines(text: string): string[] {
  return text.split("\n").sort();
}

function segments(): string[] {
  return readdirSync(shmDirectory).filter((name) =>
    name.startsWith("ringwire."),
  );
}

afterAll(() => rmSync(shmDirectory, { recursive: true, force: true }));

describe("examples", () => {
  for (const [file, expected] of Object.entries(outputs)) {
    for (const [runtime, command] of Object.entries(runtimes)) {
      test(
        `${file} - prints what it promises in ${runtime}`,
        async () => {
          const path = join(root, "examples/basics", file);
          const { stdout, stderr, exitCode } = await run([...command, path]);
          expect(stderr).toBe("");
          // Not the order: one take in sixteen begins with the lowest priority.
          expect(sortedLines(stdout)).toEqual(sortedLines(expected));
          expect(exitCode).toBe(0);
          expect(segments()).toEqual([]);
        },
        { timeoutMs: 30_000 },
      );
    }
  }
});
