/**
 * Runs the compiled ringwire-queue-worker in a shared-memory directory of its own, which is removed with everything in
 * it, and with every process that was started, whether the test passed or not.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "./testing.ts";

/** Of the repository. */
export const root: string = join(import.meta.dir, "../..");
/** The executable under test; `make build` makes it. */
export const worker: string = join(root, "dist/ringwire-queue-worker");

/** How a process ended, and what it said. */
export interface Ended {
  /** As a shell shows it: 128 + number when a signal ended it. */
  readonly code: number;
  readonly bytes: Uint8Array;
  /** `bytes` as text. */
  readonly out: string;
  readonly err: string;
}

/** What a process is started with. */
export interface StartOptions {
  readonly stdin?: string | Uint8Array | "pipe" | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
}

/** A process that runs. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** stdout so far. */
  readonly out: () => string;
  /** stderr so far. */
  readonly err: () => string;
  readonly write: (text: string) => void;
  readonly closeInput: () => void;
  readonly kill: (signal: NodeJS.Signals) => void;
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** Collects a stream as it comes. */
class Collected {
  readonly #chunks: Uint8Array[] = [];
  readonly done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = this.#collect(stream);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.#chunks.push(chunk);
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

/** What tests look at in `stat -o json`. */
export interface ShownStatus {
  readonly message_count: number;
  readonly leased: number;
  readonly delayed: number;
  readonly buried: number;
  readonly participants: readonly unknown[];
  readonly counters: { readonly acked: number };
}

const inUse = new Set<Sandbox>();

/** Call it once per file, outside of the tests: a test that runs out of time never gets to the end of its block. */
export function cleanUpSandboxes(): void {
  afterEach(() => {
    for (const sandbox of inUse) sandbox.abandon();
  });
}

/** A place for one test's queues and processes. */
export class Sandbox implements AsyncDisposable {
  /** RINGWIRE_SHM_DIR of everything started here. */
  readonly directory: string;
  /** For files of the test. */
  readonly files: string;
  readonly #running = new Set<Bun.Subprocess>();

  constructor() {
    this.directory = mkdtempSync("/dev/shm/ringwire-cli-");
    this.files = mkdtempSync(join(tmpdir(), "ringwire-cli-"));
    inUse.add(this);
  }

  /** Kills what runs and removes both directories, without waiting. */
  abandon(): void {
    inUse.delete(this);
    for (const child of this.#running) child.kill("SIGKILL");
    for (const directory of [this.directory, this.files])
      rmSync(directory, { recursive: true, force: true });
  }

  /** A path within `files`. */
  file(name: string): string {
    return join(this.files, name);
  }

  /** Starts any command with the sandbox's environment. */
  start(command: readonly string[], options: StartOptions = {}): Running {
    const { stdin } = options;
    const input =
      stdin === undefined
        ? "ignore"
        : stdin === "pipe"
          ? "pipe"
          : typeof stdin === "string"
            ? new TextEncoder().encode(stdin)
            : stdin;
    const child = Bun.spawn([...command], {
      stdin: input,
      stdout: "pipe",
      stderr: "pipe",
      cwd: options.cwd ?? this.files,
      env: {
        PATH: `${join(root, "dist")}:${process.env.PATH}`,
        RINGWIRE_SHM_DIR: this.directory,
        ...options.env,
      },
    });
    this.#running.add(child);
    const out = new Collected(child.stdout);
    const err = new Collected(child.stderr);
    const finish = async (): Promise<Ended> => {
      await Promise.all([child.exited, out.done, err.done]);
      this.#running.delete(child);
      const code =
        child.signalCode === null
          ? (child.exitCode ?? -1)
          : 128 + (signalNumbers[String(child.signalCode)] ?? 0);
      return { code, bytes: out.bytes, out: out.text, err: err.text };
    };
    const pipe = child.stdin;
    return {
      pid: child.pid,
      ended: finish(),
      out: () => out.text,
      err: () => err.text,
      write: (text) => {
        if (typeof pipe !== "object")
          throw new Error("started without stdin: pipe");
        // A reader that was killed meanwhile is what some tests are about.
        pipe.write(text);
        Promise.resolve(pipe.flush()).catch(() => undefined);
      },
      closeInput: () => {
        if (typeof pipe === "object")
          Promise.resolve(pipe.end()).catch(() => undefined);
      },
      kill: (signal) => child.kill(signal),
    };
  }

  /** Runs ringwire-queue-worker to its end. */
  run(words: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start([worker, ...words], options).ended;
  }

  /** Runs it, expects exit code 0, and gives stdout. */
  async good(
    words: readonly string[],
    options: StartOptions = {},
  ): Promise<string> {
    const { code, out, err } = await this.run(words, options);
    if (code !== 0)
      throw new Error(`${words.join(" ")} ended with ${code}: ${err}`);
    return out;
  }

  /** Runs a bash script in which a failure anywhere in a pipeline is its failure. */
  bash(script: string, options: StartOptions = {}): Promise<Ended> {
    return this.start(["bash", "-o", "pipefail", "-c", script], options).ended;
  }

  /** Counts of a queue. */
  async status(queue: string): Promise<ShownStatus> {
    return JSON.parse(await this.good(["stat", queue, "-o", "json"])).status;
  }

  /** What waits in a queue: `body attempts` of each message, sorted. */
  async waiting(queue: string): Promise<string[]> {
    const { out } = await this.run([
      "peek",
      queue,
      "-o",
      "jsonl",
      "-n",
      "1000",
    ]);
    return out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
      .map((record) => `${record.data} ${record.attempts}`)
      .sort();
  }

  /** Lines of a file in `files`; none while it does not exist. */
  lines(name: string): string[] {
    const path = this.file(name);
    return existsSync(path)
      ? readFileSync(path, "utf8").split("\n").slice(0, -1)
      : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#running];
    for (const child of left) child.kill("SIGKILL");
    await Promise.all(left.map((child) => child.exited));
    this.abandon();
  }
}

/** Waits until `condition` gives something truthy; a test's own time limit is the only other end. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = 20_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline)
      throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await Bun.sleep(10);
  }
}

/** Whether a process exists and is no zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/\) [ZX] /.test(await Bun.file(`/proc/${pid}/stat`).text());
  } catch {
    return false;
  }
}
