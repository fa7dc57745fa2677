/** Other processes for tests: a program of the tests in either runtime. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A runtime to start a program with. */
export type Runtime = "bun" | "deno";

/** A running program. */
export interface PeerProcess {
  readonly pid: number;
  /** The next line of its stdout. @throws when it ends first, with what it wrote to stderr */
  line(): Promise<string>;
  /** Its exit code and, when it was killed, the signal. */
  readonly exited: Promise<{
    readonly code: number | null;
    readonly signal: string | null;
  }>;
  /** What it wrote to stderr so far. */
  errors(): string;
  kill(signal: NodeJS.Signals): void;
}

/** Kills whatever is still running. Call it after each test. */
export interface PeerFixture {
  /** @param program relative to the test file's `import.meta.url` */
  start(
    runtime: Runtime,
    program: URL,
    ...parameters: readonly string[]
  ): PeerProcess;
  /** The same with a limit of open files (`ulimit -n`). */
  startWithin(
    descriptorLimit: number,
    runtime: Runtime,
    program: URL,
    ...parameters: readonly string[]
  ): PeerProcess;
  /** Starts any other command, with these variables in addition to the environment. */
  startCommand(
    words: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): PeerProcess;
  stopAll(): Promise<void>;
}

function commandOf(runtime: Runtime): string {
  return "Bun" in globalThis && runtime === "bun" ? process.execPath : runtime;
}

function follow(child: ChildProcess, what: string): PeerProcess {
  const lines: string[] = [];
  const takers: {
    resolve(line: string): void;
    reject(error: Error): void;
  }[] = [];
  let partial = "";
  let errors = "";
  let ended = false;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    partial += text;
    const parts = partial.split("\n");
    partial = parts.pop() ?? "";
    for (const line of parts) {
      const taker = takers.shift();
      if (taker === undefined) lines.push(line);
      else taker.resolve(line);
    }
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>(
    (resolve) => {
      const finish = (code: number | null, signal: string | null): void => {
        ended = true;
        for (const taker of takers.splice(0)) {
          taker.reject(
            new Error(`${what} ended (${code ?? signal})\n${errors}`),
          );
        }
        resolve({ code, signal });
      };
      child.on("close", finish);
      child.on("error", (error) => {
        errors += `${error.message} (is it on the PATH? make test sees to that)\n`;
        finish(127, null);
      });
    },
  );
  return {
    pid: child.pid ?? 0,
    line: () =>
      new Promise((resolve, reject) => {
        const line = lines.shift();
        if (line !== undefined) resolve(line);
        else if (ended) reject(new Error(`${what} has ended\n${errors}`));
        else takers.push({ resolve, reject });
      }),
    exited,
    errors: () => errors,
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/** Makes peers that do not outlive their test. */
export function peerFixture(): PeerFixture {
  const running = new Set<PeerProcess>();
  const run = (
    [command = "", ...rest]: readonly string[],
    what: string,
    environment: Readonly<Record<string, string>> = {},
  ): PeerProcess => {
    const child = spawn(command, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    const peer = follow(child, what);
    running.add(peer);
    void peer.exited.then(() => running.delete(peer));
    return peer;
  };
  const launch = (
    runtime: Runtime,
    program: URL,
    parameters: readonly string[],
    descriptorLimit?: number,
  ): PeerProcess => {
    const path = fileURLToPath(program);
    const words = [
      commandOf(runtime),
      ...(runtime === "bun" ? ["run"] : ["run", "--quiet", "--no-lock", "-A"]),
      path,
      ...parameters,
    ];
    // The shell becomes the program, so that signals reach it.
    if (descriptorLimit !== undefined)
      words.unshift(
        "sh",
        "-c",
        `ulimit -n ${descriptorLimit}; exec "$@"`,
        "sh",
      );
    return run(words, `${runtime} ${path}`);
  };
  return {
    start: (runtime, program, ...parameters) =>
      launch(runtime, program, parameters),
    startWithin: (descriptorLimit, runtime, program, ...parameters) =>
      launch(runtime, program, parameters, descriptorLimit),
    startCommand: (words, environment) =>
      run(words, words.join(" "), environment),
    async stopAll() {
      const left = [...running];
      for (const peer of left) peer.kill("SIGKILL");
      await Promise.all(left.map((peer) => peer.exited));
    },
  };
}
