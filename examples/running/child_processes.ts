/** Processes that an example starts: read line by line, and never left behind. Runs in Bun and Deno. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { Readable } from "node:stream";

/** How a process is started. */
export interface StartOptions {
  /** @default this process's */
  readonly cwd?: string | undefined;
  /** Fed to stdin. @default nothing */
  readonly input?: string | Uint8Array | undefined;
  /** Called with each line of stderr as it comes. They are kept for `errors`, too. */
  readonly onErrorLine?: ((line: string) => void) | undefined;
  /** How long it gets to end by itself, after SIGTERM, when it is still there at the end. @default none: SIGKILL */
  readonly graceMs?: number | undefined;
}

/** A process that runs. */
export interface RunningProcess {
  readonly pid: number;
  /** Exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  /** All of stdout, once the process has ended. */
  readonly output: Promise<string>;
  /** The next line of stdout. @throws when the process ends first, with what it wrote to stderr */
  readonly line: () => Promise<string>;
  /** What it wrote to stderr so far. */
  readonly errors: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** Lines of a stream, kept until somebody asks for them. */
class Lines {
  readonly all: string[] = [];
  readonly #waiting: PromiseWithResolvers<string>[] = [];
  #next = 0;
  #ended: Error | undefined;

  constructor(stream: Readable, onLine?: (line: string) => void) {
    let rest = "";
    const add = (line: string): void => {
      this.all.push(line);
      onLine?.(line);
      const first = this.#waiting.shift();
      if (first === undefined) return;
      this.#next++;
      first.resolve(line);
    };
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) add(line);
    });
    stream.on("end", () => {
      if (rest !== "") add(rest);
    });
  }

  next(): Promise<string> {
    const line = this.all[this.#next];
    const waiting = Promise.withResolvers<string>();
    if (line !== undefined) {
      this.#next++;
      waiting.resolve(line);
    } else if (this.#ended !== undefined) waiting.reject(this.#ended);
    else this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** There will be no more. */
  end(error: Error): void {
    this.#ended = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

/** By number, because Deno's `child.kill` sends no second signal. Until it has ended, the number is the child's. */
function sendSignal(child: ChildProcess, signal: NodeJS.Signals): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null)
    return;
  process.kill(pid, signal);
}

/** Everything that was started; disposing ends what is left of it. */
export class ChildProcesses implements AsyncDisposable {
  readonly #running = new Map<
    ChildProcess,
    { readonly exited: Promise<number | null>; readonly graceMs: number }
  >();

  start(
    command: readonly string[],
    options: StartOptions = {},
  ): RunningProcess {
    const [file = "", ...parameters] = command;
    const child = spawn(file, parameters, {
      cwd: options.cwd,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const { stdin, stdout, stderr } = child;
    if (stdout === null || stderr === null)
      throw new Error(`${file} was started without pipes`);
    const lines = new Lines(stdout);
    const errorLines = new Lines(stderr, options.onErrorLine);
    const errors = (): string => errorLines.all.join("\n");
    const exited = new Promise<number | null>((resolve) => {
      // "close" comes after the end of both streams.
      const finish = (code: number | null, reason: string): void => {
        this.#running.delete(child);
        lines.end(new Error(`${file} ${reason}: ${errors()}`));
        resolve(code);
      };
      child.on("close", (code, signal) =>
        finish(code, `ended with ${code ?? signal}`),
      );
      child.on("error", (error) => finish(127, error.message));
    });
    this.#running.set(child, { exited, graceMs: options.graceMs ?? 0 });
    // Whoever is killed while it reads leaves a broken pipe, which its exit code tells as well.
    stdin?.on("error", () => undefined);
    stdin?.end(options.input);
    return {
      pid: child.pid ?? 0,
      exited,
      output: exited.then(() => lines.all.map((line) => `${line}\n`).join("")),
      line: () => lines.next(),
      errors,
      kill: (signal) => sendSignal(child, signal),
    };
  }

  /** Runs a command to its end and gives its stdout. @throws when it fails */
  async run(
    command: readonly string[],
    options: StartOptions = {},
  ): Promise<string> {
    const child = this.start(command, options);
    const [exitCode, output] = await Promise.all([child.exited, child.output]);
    if (exitCode !== 0) {
      throw new Error(
        `${command.slice(0, 2).join(" ")} ended with ${exitCode ?? "a signal"}: ${child.errors()}`,
      );
    }
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#running].map(async ([child, { exited, graceMs }]) => {
        sendSignal(child, graceMs > 0 ? "SIGTERM" : "SIGKILL");
        const timer = setTimeout(() => sendSignal(child, "SIGKILL"), graceMs);
        await exited;
        clearTimeout(timer);
      }),
    );
  }
}
