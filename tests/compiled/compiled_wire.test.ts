import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const source = join(import.meta.dir, "../unit/wire/wire_payloads_program.ts");

describe("payloads in a compiled program", () => {
  const directory = mkdtempSync(join(tmpdir(), "ringwire-wire-"));
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
      source,
    ]);
    if (!built.success) throw new Error(built.stderr.toString());
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("every codec and compression works, with no packages at hand", () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([program], {
      cwd: "/",
      env: {},
      timeout: 30_000,
    });
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toBe(
      "application/json same\napplication/vnd.msgpack same\ncompression 2 true\ncompression 1 true\n",
    );
    expect(exitCode).toBe(0);
  });
});
