import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

describe("UCX in a compiled program", () => {
  const directory = mkdtempSync(join(tmpdir(), "ringwire-ucx-"));
  const program = join(directory, "program");

  beforeAll(() => {
    const built = Bun.spawnSync([
      process.execPath,
      "build",
      "--compile",
      "--minify",
      "--bytecode",
      "--format=esm",
      `--outfile=${program}`,
      join(import.meta.dir, "compiled_ucx_program.ts"),
    ]);
    if (!built.success) throw new Error(built.stderr.toString());
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("exchanges messages without the shim, and refuses threads by name", () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([program], {
      cwd: directory,
      env: {},
      timeout: 30_000,
    });
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toBe("7: 1 2 3, false\nUcxUnsupported\n");
    expect(exitCode).toBe(0);
  }, 60_000);
});
