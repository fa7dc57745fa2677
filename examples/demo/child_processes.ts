/** The demo's processes: started, read line by line, and never left behind. */
import type { Subprocess } from "bun";

/** How a process is started. */
export interface StartOptions {
  readonly cwd: string;
  /** Fed to stdin. @default nothing */
  readonly input?: string | undefined;
  /** Called with each line of stderr as it comes. @default they are kept for `errors` */
  readonly onErrorLine?: ((line: string) => void) | undefined;
}

/** A process that runs. */
export interface RunningProcess {
  readonly pid: number;
  /** Exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  /** All of stdout, once the process has ended. */
  readonly output: Promise<string>;
  /** What it wrote to stderr so far. */
  readonly errors: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}

/** Everything that was started; disposing kills what is left of it. */
export class ChildProcesses implements AsyncDisposable {
  readonly #running = new Set<Subprocess>();

  start(command: readonly string[], options: StartOptions): RunningProcess {
    const errorLines: string[] = [];
    const child = Bun.spawn([...command], {
      cwd: options.cwd,
      stdin:
        options.input === undefined ? "ignore" : Buffer.from(options.input),
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#running.add(child);
    const output = new Response(child.stdout).text();
    const errorsRead = readLines(child.stderr, (line) => {
      errorLines.push(line);
      options.onErrorLine?.(line);
    });
    const ended = async (): Promise<number | null> => {
      await child.exited;
      this.#running.delete(child);
      await errorsRead;
      return child.signalCode === null ? child.exitCode : null;
    };
    return {
      pid: child.pid,
      exited: ended(),
      output,
      errors: () => errorLines.join("\n"),
      kill: (signal) => child.kill(signal),
    };
  }

  /** Runs a command to its end. @throws when it fails */
  async run(
    command: readonly string[],
    options: StartOptions,
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
    const left = [...this.#running];
    for (const child of left) child.kill("SIGKILL");
    await Promise.all(left.map((child) => child.exited));
  }
}
