/**
 * `make demo`: clients send the files of this repository over several protocols to a server, which has them hashed by
 * workers behind a queue; a worker and a client are killed on the way. Then workers do the same straight from a queue, two
 * runtimes share a queue, and talk over UCX. Each result must be that of `sha256sum` run directly. At the end comes what
 * each protocol does in a second. With `--short` the server gets fewer files and is measured for a moment only.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ChildProcesses } from "./running/child_processes.ts";
import { type HashResult, hashWithAKill } from "./demo/hash_with_a_kill.ts";
import {
  listRepositoryFiles,
  type RepositoryFile,
  versionOf,
} from "./demo/repository_files.ts";
import { ServerPart } from "./demo/server_part.ts";
import { measureThroughput } from "./demo/throughput.ts";
import { measureUcx } from "./demo/ucx.ts";

const root = join(import.meta.dir, "..");
const [serverProgram, client, worker] = [
  "dist/ringwire-server",
  "dist/ringwire-client",
  "dist/ringwire-queue-worker",
].map((path) => join(root, path)) as [string, string, string];
const timeLimitMs = 240_000;
const short = process.argv.includes("--short");
const rateTimes = short
  ? { measureMs: 150, warmUpMs: 50 }
  : { measureMs: 1500, warmUpMs: 500 };

interface Comparison {
  readonly expected: readonly string[];
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** Lines that came more than once. */
  readonly duplicates: number;
  /** Files that somebody changed meanwhile: no two hashes of them need to be equal. */
  readonly changed: readonly string[];
}

function pathOf(line: string): string {
  return line.replace(/^\\?[0-9a-f]+ [ *]/, "");
}

async function compare(
  files: readonly RepositoryFile[],
  result: HashResult,
  children: ChildProcesses,
): Promise<Comparison> {
  const output = await children.run(["xargs", "-0", "sha256sum", "--"], {
    cwd: root,
    input: files.map(({ path }) => `${path}\0`).join(""),
  });
  const changed = files
    .filter(({ path, version }) => versionOf(root, path) !== version)
    .map(({ path }) => path);
  const unchanged = (line: string): boolean => !changed.includes(pathOf(line));
  const expected = output
    .split("\n")
    .filter((line) => line !== "" && unchanged(line))
    .sort();
  const lines = result.workers.flatMap((one) => one.lines).filter(unchanged);
  const seen = [...new Set(lines)].sort();
  return {
    expected,
    missing: expected.filter((line) => !seen.includes(line)),
    unexpected: seen.filter((line) => !expected.includes(line)),
    duplicates: lines.length - seen.length,
    changed,
  };
}

function printTable(rows: readonly (readonly [string, string])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows)
    console.log(`  ${name.padEnd(width)}  ${value}`);
}

async function showHashing(
  children: ChildProcesses,
  signal: AbortSignal,
): Promise<boolean> {
  const files = listRepositoryFiles(root);
  console.log(
    `${files.length} files of this repository, one job each: push | work -- xargs -0 sha256sum, one worker killed with SIGKILL`,
  );
  const result = await hashWithAKill(
    files.map(({ path }) => path),
    { root, worker, queueName: `demo-hash-${process.pid}`, children, signal },
  );
  const { missing, unexpected, duplicates, changed } = await compare(
    files,
    result,
    children,
  );
  const { counters, buried } = result.status;
  const share = result.workers.map(
    ({ name, killed, lines }) =>
      `${name} ${lines.length}${killed ? " (killed)" : ""}`,
  );
  printTable([
    [
      "jobs",
      `${counters.sent} sent, ${counters.acked} acknowledged, ${buried} dead letters`,
    ],
    ["handled by", share.join(", ")],
    [
      "held by the killed worker",
      `${result.heldAtDeath}, all delivered again ${result.redeliveredAfterMs.toFixed(1)} ms after the kill`,
    ],
    ["lost", `${missing.length}`],
    [
      "twice",
      duplicates === 0
        ? "0"
        : `${duplicates}: hashed and written, but not yet acknowledged when the worker was killed (at least once)`,
    ],
    [
      "rate",
      `${Math.round((counters.acked / result.elapsedMs) * 1000)} jobs/s (a process for each job) in ${(result.elapsedMs / 1000).toFixed(2)} s`,
    ],
  ]);
  if (changed.length > 0)
    console.log(
      `  not compared, because somebody changed them meanwhile: ${changed.join(", ")}`,
    );
  const equal =
    missing.length === 0 &&
    unexpected.length === 0 &&
    counters.acked === files.length;
  for (const line of missing) console.log(`  missing: ${line}`);
  for (const line of unexpected) console.log(`  unexpected: ${line}`);
  console.log(
    equal
      ? "The result equals that of sha256sum run directly on the same files."
      : "The result DIFFERS from that of sha256sum run directly.",
  );
  return equal;
}

async function showThroughput(
  children: ChildProcesses,
  signal: AbortSignal,
): Promise<void> {
  const { received, elapsedMs } = await measureThroughput({
    root,
    worker,
    queueName: `demo-rate-${process.pid}`,
    children,
    signal,
  });
  const rate = (received / elapsedMs / 1000).toFixed(2);
  console.log(
    `Module: a Bun process to a Deno process, ${received} messages of 64 bytes, each acknowledged, none lost, in order: ${rate} million/s`,
  );
}

async function showUcx(children: ChildProcesses): Promise<void> {
  const { version, received, elapsedMs, roundTripUs } = await measureUcx({
    root,
    children,
  });
  const rate = (received / elapsedMs / 1000).toFixed(2);
  console.log(
    `UCX ${version}: a Bun process to a Deno process, ${received} messages of 64 bytes, none lost: ${rate} million/s; there and back ${roundTripUs.toFixed(1)} µs`,
  );
}

async function main(): Promise<number> {
  for (const path of [serverProgram, client, worker])
    if (!existsSync(path)) {
      console.error(`${path} is not there: run 'make build' first`);
      return 1;
    }
  const stop = new AbortController();
  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    process.on(signal, () => {
      process.exitCode = exitCode;
      stop.abort(new Error(`stopped by ${signal}`));
    });
  const signal = AbortSignal.any([
    stop.signal,
    AbortSignal.timeout(timeLimitMs),
  ]);
  await using children = new ChildProcesses();
  // Everything that is waited for ends with the processes: ending them ends the demo, and its queues are removed on the way out.
  signal.addEventListener("abort", () => void children[Symbol.asyncDispose]());
  try {
    await using part = await ServerPart.start({
      root,
      programs: { server: serverProgram, client, worker },
      children,
      oneIn: short ? 4 : 1,
    });
    const answered = await part.showAnswers();
    const equal = await showHashing(children, signal);
    await showThroughput(children, signal);
    await showUcx(children);
    await part.showRates(rateTimes);
    await part.stop();
    return answered && equal ? 0 : 1;
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    console.error(
      `demo: ${reason instanceof Error ? reason.message : String(reason)}`,
    );
    return Number(process.exitCode ?? 1) || 1;
  }
}

process.exit(await main());
