/** UCX without Ringwire's own C library: the same tests in a process that does not find it. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const env = {
  ...process.env,
  // A path that is given is the only one that is tried.
  RINGWIRE_SHM_LIBRARY: "/nowhere/libringwire-shm.so",
};

async function run(...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

describe("UCX without the shim", () => {
  test("says so", async () => {
    const script = `
      import { UcxWorker } from "./src/ucx/mod.ts";
      using worker = new UcxWorker({ ucx: { TLS: "tcp", NET_DEVICES: "lo" } });
      console.log(worker.info().usesShim);`;
    const { stdout, stderr } = await run("-e", script);
    expect({ stdout, stderr }).toEqual({ stdout: "false\n", stderr: "" });
  }, 60_000);

  test("receives as with it", async () => {
    const { stderr, code } = await run(
      "test",
      "./tests/contract/ucx/tag_messages.test.ts",
      "./tests/contract/ucx/tag_scenarios.test.ts",
      "./tests/contract/ucx/async_messages.test.ts",
    );
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({
      code: 0,
      stderr: "",
    });
    expect(stderr).toMatch(/\b[1-9]\d* pass\b/);
  }, 180_000);
});
