/**
 * Runs what is in tests/torture/, and ends with the figures of every trial.
 * Exits 1 when something failed.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./source_files.ts";

const reports = join(root, "build/reports");
const figures = join(reports, "torture.txt");
mkdirSync(reports, { recursive: true });
rmSync(figures, { force: true });
const begun = performance.now();
const child = Bun.spawn([process.execPath, "test", "./tests/torture/"], {
  cwd: root,
  env: { ...process.env, RINGWIRE_TORTURE_FIGURES: figures },
  stdin: "ignore",
  stdout: "inherit",
  stderr: "inherit",
});
const exitCode = await child.exited;
const minutes = ((performance.now() - begun) / 60_000).toFixed(0);
console.log(`--- figures of this run (${minutes} minutes)`);
if (existsSync(figures)) process.stdout.write(readFileSync(figures));
process.exit(exitCode === 0 ? 0 : 1);
