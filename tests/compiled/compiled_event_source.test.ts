import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const source = join(import.meta.dir, "../unit/ffi/event_source_program.ts");

describe("an event source in a compiled program", () => {
  const directory = mkdtempSync(join(tmpdir(), "ringwire-event-source-"));
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

  for (const kind of ["socket", "thread"]) {
    test(`works by ${kind}, with nothing of the sources at hand`, () => {
      const { exitCode, stdout, stderr } = Bun.spawnSync(
        [program, kind, "arm", "pause", "raise", "pause", "close"],
        { cwd: "/", env: {}, timeout: 30_000 },
      );
      expect(stderr.toString()).toBe("");
      expect(stdout.toString()).toBe(`ready\narmed ${kind}\n`);
      expect(exitCode).toBe(0);
    });
  }
});
